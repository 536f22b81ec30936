"""One job, or one GPU batch, from claim to result.

A message is a permit: it says that its queue has a ready job, and the claim takes the one whose turn it is, which need not
be the one that the message names. So nobody waits because others sent first (`shared.jobs.fair_share`).

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
from shared.jobs.shares import Shares
from shared.jobs.store import Rule
from shared.log import bound, logger
from shared.models.measurements import Measurements
from shared.queue.rating_jobs import RatingJobs
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
        self._shares = Shares(runtime.store, runtime.settings.max_wait_s)
        self._chains = Chains(runtime.store, runtime.settings)
        self._ratings = rating_jobs(runtime)
        self._preview_thread = PreviewThread()
        self._has_lost_device = False

    def run(self, job_id: str, queue: str = "") -> JobRecord | None:
        """Claim the next job of a queue (and peers for its GPU batch), run it, record how it ended.

        Args:
            job_id: the one that the message names. It is claimed itself where the queue has no ready job and it still waits
                there: it may have been sent before there were shares.
            queue: where the message came from; "": where its job waits.

        Returns the next step of this job's chain where it is queued now; the caller sends its ticket. Those of the
        peers' chains have been sent.

        Raises:
            NotOurs: there was nothing to do.
        """
        first = self._claim(job_id, queue)
        claims = [first, *self._claim_peers(first.record)]
        with bound(job=first.record.id, model=first.record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=first.record.kind, attempt=first.record.attempt, gpu_batch=len(claims))
            return self._run_batch(claims)

    def send(self, record: JobRecord) -> None:
        """Send a released step's ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)

    # -- claiming ----------------------------------------------------------------------------------------------------

    def _claim(self, job_id: str, queue: str) -> Claim:
        try:
            claim = self._claim_next(queue or self._queue_of(job_id)) or self._claim_itself(job_id, queue)
        except (Busy, IllegalMove, NotFound, Gone) as exc:
            raise NotOurs(exc.message) from exc
        if claim.record.state != State.RUNNING:
            raise NotOurs(f"job {claim.record.id} is {claim.record.state.value}")
        return claim

    def _claim_next(self, queue: str) -> Claim | None:
        """The job of a queue whose turn it is; those found overdue end on the way. None: it has none that is ready.

        One token for all tries, and before each further one a look whether the one before was made and only its answer was
        lost: else that job would be held here and run by nobody.
        """
        token, rule = self._pen()
        tries = 0

        def take() -> JobRecord | None:
            nonlocal tries
            tries += 1
            mine = self._claimed_with(token) if tries > 1 else None
            return mine or self._shares.claim_next(queue, rule)

        while (record := until_redis_answers(take)) is not None:
            if record.state == State.RUNNING:
                return Claim(record, token)
        return None

    def _claimed_with(self, token: str) -> JobRecord | None:
        held = self._runtime.store.held_by(self._runtime.slot.name)
        ours = [job_id for job_id, pen in held.items() if pen == token]
        return self._runtime.store.get(ours[0]) if ours else None

    def _claim_itself(self, job_id: str, queue: str) -> Claim:
        record = until_redis_answers(lambda: self._runtime.store.get(job_id))
        if queue and record.queue != queue:
            raise IllegalMove(f"job {job_id} waits in {record.queue} by now, and {queue} has no job that is ready")
        return self._claim_now(job_id)

    def _queue_of(self, job_id: str) -> str:
        return until_redis_answers(lambda: self._runtime.store.get(job_id)).queue

    def _claim_now(self, job_id: str) -> Claim:
        """One token for all tries: a claim whose answer was lost must find itself, not somebody else's."""
        token, rule = self._pen()
        return Claim(until_redis_answers(lambda: self._runtime.store.move(job_id, rule)), token)

    def _pen(self) -> tuple[str, Rule]:
        """A fresh token, and the claim that writes it."""
        token, slot = uuid.uuid4().hex, self._runtime.slot

        def rule(job: JobRecord, now_ms: int) -> JobRecord:
            return lifecycle.claim(job, now_ms, worker=slot.name, gpu=slot.gpu, token=token)

        return token, rule

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
            return self._shares.peers(first.batch_key, limit)
        except RedisUnavailable:
            return []

    def _room_for_peers(self, first: JobRecord) -> int:
        if first.attempt > 1 or not first.batch_key:
            return 0
        return KINDS[first.kind].most_peers(first, self._runtime.settings)

    # -- running -----------------------------------------------------------------------------------------------------

    def _run_batch(self, claims: list[Claim]) -> JobRecord | None:
        stopwatch = Stopwatch()
        endings = Endings(self._runtime, self._chains, [claim.record for claim in claims], stopwatch, self._ratings)
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


def rating_jobs(runtime: Runtime) -> RatingJobs | None:
    """Who has pictures rated; None where this house rates none."""
    if runtime.settings.rating == "off":
        return None
    return RatingJobs(runtime.store, runtime.dispatcher, runtime.catalogue, runtime.settings)
