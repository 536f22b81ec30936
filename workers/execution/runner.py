"""One job, or one GPU batch, from claim to result.

The runner never raises for a failed job: it records the failure, so one bad member does not break its GPU batch, and the
message is done either way. What it raises is `NotOurs`, for a message that stands for no work.

The order it promises: the record says `running` before anything is loaded; pictures are stored before the record says
`succeeded`; whoever lost the pen meanwhile changes nothing.

A GPU that this process has lost (see `device_lost`) is nobody's failure: the jobs go back, and `has_lost_device` says
that the process can do no more.
"""

import uuid

from shared.contracts.jobs import JobRecord, State
from shared.errors import (
    Busy,
    DarkroomError,
    DeviceLost,
    EngineFailed,
    Gone,
    IllegalMove,
    NotFound,
    RedisUnavailable,
    Signal,
)
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.log import bound, logger
from shared.models.measurements import Measurements
from shared.redis.client import until_redis_answers
from workers.engines.torch_tools import device_lost
from workers.execution.endings import Endings
from workers.execution.kinds.table import KINDS
from workers.execution.preview_thread import PreviewThread
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch, record_timing


class NotOurs(Exception):
    """The message stands for no work: a duplicate, a job of somebody else, an unknown id."""


class Runner:
    """Runs jobs with what the runtime owns."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._learned = Measurements(runtime.store.redis)
        self._chains = Chains(runtime.store, runtime.settings)
        self._preview_thread = PreviewThread()
        self._has_lost_device = False

    def run(self, job_id: str) -> JobRecord | None:
        """Claim the job (and peers for its GPU batch), run it, record how it ended.

        Returns the next step of this job's chain where it is queued now; the caller sends its ticket. Those of the
        peers' chains have been sent.

        Raises:
            NotOurs: there was nothing to do.
        """
        first = self._claim(job_id)
        claims = [first, *self._claim_peers(first.record)]
        with bound(job=job_id, model=first.record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=first.record.kind, attempt=first.record.attempt, gpu_batch=len(claims))
            return self._run_batch(claims)

    def send(self, record: JobRecord) -> None:
        """Send a released step's ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)

    # -- claiming ----------------------------------------------------------------------------------------------------

    def _claim(self, job_id: str) -> Claim:
        try:
            claim = self._claim_now(job_id)
        except (Busy, IllegalMove, NotFound, Gone) as exc:
            raise NotOurs(exc.message) from exc
        if claim.record.state != State.RUNNING:
            raise NotOurs(f"job {job_id} is {claim.record.state.value}")
        return claim

    def _claim_now(self, job_id: str) -> Claim:
        """One token for all tries: a claim whose answer was lost must find itself, not somebody else's."""
        token, slot = uuid.uuid4().hex, self._runtime.slot

        def rule(job: JobRecord, now_ms: int) -> JobRecord:
            return lifecycle.claim(job, now_ms, worker=slot.name, gpu=slot.gpu, token=token)

        return Claim(until_redis_answers(lambda: self._runtime.store.move(job_id, rule)), token)

    def _claim_peers(self, first: JobRecord) -> list[Claim]:
        """Queued jobs that may share this one's GPU batch, as many as fit; only where each is on its first attempt."""
        room = self._room_for_peers(first)
        if room < 1:
            return []
        claims: list[Claim] = []
        for job_id in self._peers_of(first, 4 * room):
            if len(claims) == room:
                break
            try:
                claim = self._claim_now(job_id)
            except DarkroomError:
                continue  # somebody else was faster
            if claim.record.state == State.RUNNING:
                claims.append(claim)
        return claims

    def _peers_of(self, first: JobRecord, limit: int) -> list[str]:
        """None while Redis is away: the job in hand must not wait for company."""
        try:
            return self._runtime.store.peers(first.batch_key, limit)
        except RedisUnavailable:
            return []

    def _room_for_peers(self, first: JobRecord) -> int:
        if first.attempt > 1 or not first.batch_key:
            return 0
        return KINDS[first.kind].most_peers(first, self._runtime.settings)

    # -- running -----------------------------------------------------------------------------------------------------

    def _run_batch(self, claims: list[Claim]) -> JobRecord | None:
        stopwatch = Stopwatch()
        endings = Endings(self._runtime, self._chains, claims[0].record.id, stopwatch)
        watch = GpuBatchWatch(
            self._runtime.store,
            claims,
            preview_every=self._runtime.settings.preview_every_steps,
            preview_thread=self._preview_thread,
            on_stop=endings.stop,
        )
        records = [claim.record for claim in claims]
        was_loaded = self._is_loaded(records[0].model)
        try:
            outcomes = KINDS[records[0].kind].run(records, self._runtime, watch, stopwatch)
        except Exception as exc:
            self._stopped(watch, endings, exc)
        else:
            endings.succeed(watch, dict(zip((r.id for r in records), outcomes, strict=True)))
            if len(watch.alive) == len(records):
                loaded = not was_loaded and self._is_loaded(records[0].model)
                worker, took = self._runtime.slot.name, stopwatch.timings()
                record_timing(self._learned, worker, records, took, has_loaded=loaded)
        if not self._has_lost_device:
            self._tidy()
        return endings.following

    def _stopped(self, watch: GpuBatchWatch, endings: Endings, why: Exception) -> None:
        """The GPU batch did not come to its end: whose fault that is decides what becomes of its jobs."""
        if device_lost.is_device_lost(why):
            self._lose_device(watch, endings, why)
        elif isinstance(why, Signal):
            logger().info("job.stopped", reason=why.code)
        elif isinstance(why, DarkroomError):
            endings.fail(watch, why)
        else:
            logger().error("engine.failed", exc_info=why)
            failed = EngineFailed(f"the engine failed: {type(why).__name__}: {str(why)[:300]}")
            endings.fail(watch, failed)

    def _lose_device(self, watch: GpuBatchWatch, endings: Endings, why: Exception) -> None:
        """From here on nothing of this process may touch the GPU: no unload, no look at its memory."""
        self._has_lost_device = True
        said = device_lost.what_was_said(why)
        logger().error("device.lost", gpu=self._runtime.slot.gpu, reason=said)
        endings.lose(watch, DeviceLost(said))

    def _tidy(self) -> None:
        """Between jobs; what fails here fails no job, for they have ended."""
        try:
            self._runtime.residency.expire_idle()
        except Exception as exc:
            if not device_lost.is_device_lost(exc):
                raise
            self._has_lost_device = True
            logger().error("device.lost", gpu=self._runtime.slot.gpu, reason=device_lost.what_was_said(exc))
            return
        self._runtime.tell_residents()

    @property
    def has_lost_device(self) -> bool:
        """Whether this process can use the GPU no more; only a new one can."""
        return self._has_lost_device

    @property
    def has_leaked(self) -> bool:
        """Whether memory of the GPU is lost to this process; only a new one gets it back."""
        return self._runtime.residency.leaked_mib > 0

    def _is_loaded(self, model: str) -> bool:
        return any(resident.model == model for resident in self._runtime.residency.residents())
