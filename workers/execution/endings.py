"""How the jobs of one GPU batch end: with a result, a failure, another try later, a larger GPU, or early.

Every word about an end is written here, with the claim's pen: whoever lost it meanwhile changes nothing. What follows
from an end (an answer to remember, the next step of a chain) follows at once. Each job ends by itself, whatever becomes
of the others; what befell all of them is spread over them by `succeed`, `fail` and `lose`.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

from shared.contracts.jobs import JobRecord, Reason, State, Timings
from shared.contracts.kinds import KIND_RULES
from shared.errors import (
    ArtifactStoreDown,
    CancelRequested,
    DarkroomError,
    DeadlineExceeded,
    DeviceLost,
    DoesNotFit,
    EngineFailed,
    Fenced,
    Gone,
    IllegalMove,
    NotFound,
    OutOfVram,
    RedisUnavailable,
)
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.jobs.fair_share import parts
from shared.jobs.pictures_named import made_by
from shared.jobs.routing import own_queue_of
from shared.log import logger
from shared.queue.rating_jobs import RatingJobs
from shared.rack.happenings import Happening, Happenings
from shared.rack.worker_registry import WorkerRegistry, WorkerReport
from shared.redis.client import until_redis_answers
from workers.execution.kinds.base import Outcome
from workers.execution.oom_ladder import larger_gpu
from workers.execution.progress import Claim, GpuBatchWatch, Stop
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch

#: Failures that may pass by themselves; each is tried again after a pause, this often.
PASSING = (ArtifactStoreDown, RedisUnavailable)
MAX_RETRIES = 4
#: Failures that a larger GPU may not have.
TOO_SMALL = (OutOfVram, DoesNotFit)


class Next(Enum):
    """What becomes of a job whose GPU batch failed."""

    RETRY_LATER = auto()
    RUN_ALONE = auto()
    #: Where there is a larger GPU; else it fails.
    MOVE = auto()
    FAIL = auto()


def next_after(error: DarkroomError, record: JobRecord, in_batch: int) -> Next:
    """Pure. `in_batch`: how many jobs failed together, this one included."""
    if isinstance(error, PASSING) and _retries(record) < MAX_RETRIES:
        return Next.RETRY_LATER
    if in_batch > 1:
        return Next.RUN_ALONE
    return Next.MOVE if isinstance(error, TOO_SMALL) else Next.FAIL


class Endings:
    """Writes the ends of one GPU batch: of `records`, the first of which was claimed first."""

    def __init__(
        self,
        runtime: Runtime,
        chains: Chains,
        records: Sequence[JobRecord],
        stopwatch: Stopwatch,
        ratings: RatingJobs | None = None,
        *,
        sends_all: bool = False,
    ) -> None:
        """
        Args:
            sends_all: whether the tickets of all following steps are sent from here, the first job's too.
        """
        self._runtime = runtime
        self._chains = chains
        self._ratings = ratings
        self._first_id = "" if sends_all else records[0].id
        self._stopwatch = stopwatch
        self._parts = dict(zip((r.id for r in records), parts([r.cost_s for r in records]), strict=True))
        #: GPU-seconds that were a sole job's own so far, where they are counted; None: its part of the batch's time.
        self.spent_s: float | None = None
        #: The next step of the first job's chain, once it is queued; its ticket is the caller's to send.
        self.following: JobRecord | None = None

    # -- all of them -------------------------------------------------------------------------------------------------

    def succeed(self, watch: GpuBatchWatch, outcomes: dict[str, Outcome]) -> None:
        """Each job that is still wanted ends with its outcome."""
        for claim in watch.alive:
            self.end_one(claim, outcomes[claim.record.id], watch.degradations_of(claim))

    def fail(self, watch: GpuBatchWatch, error: DarkroomError) -> None:
        """The GPU batch failed."""
        alive = watch.alive
        for claim in alive:
            self.fail_one(claim, error, in_batch=len(alive), degradations=watch.degradations_of(claim))

    def lose(self, watch: GpuBatchWatch, why: DeviceLost) -> None:
        """The GPU is lost under the batch."""
        alive = watch.alive
        for claim in alive:
            self.lose_one(claim, why, in_batch=len(alive))

    # -- one of them -------------------------------------------------------------------------------------------------

    def end_one(self, claim: Claim, outcome: Outcome, degradations: tuple[str, ...]) -> None:
        """A job ends with its outcome, whether the others go on or not."""
        honest = outcome.honest
        state = State.FAILED if honest.error else State.SUCCEEDED
        ended = self._end(claim, state, result=honest.result, error=honest.error, degradations=degradations)
        if ended is not None and ended.state == State.SUCCEEDED and honest.artifacts:
            # The record names them now; recovery need not look after them.
            until_redis_answers(lambda: self._runtime.store.settle(honest.artifacts, self._runtime.slot.name))

    def fail_one(self, claim: Claim, error: DarkroomError, *, in_batch: int, degradations: tuple[str, ...]) -> None:
        """A job failed, by itself or with others: it ends, or gets another chance."""
        following = next_after(error, claim.record, in_batch)
        larger = self._larger_gpu(claim) if following is Next.MOVE else None
        if following is Next.RETRY_LATER:
            self._retry_later(claim, error)
        elif following is Next.RUN_ALONE:
            self._run_alone(claim, error)
        elif larger is not None:
            self._move_to(larger, claim)
        else:
            self._end(claim, State.FAILED, error=lifecycle.failure_of(error), degradations=degradations)

    def lose_one(self, claim: Claim, why: DeviceLost, *, in_batch: int) -> None:
        """The GPU is lost under a job. One that was alone on it counts it as a lost worker; of several nobody can tell
        which one broke it, if any did, so each runs again by itself and none is to blame yet."""
        if in_batch > 1:
            self._run_alone(claim, why)
        else:
            self._lose_one(claim, why)

    def give_back(self, claim: Claim) -> bool:
        """Its worker takes part in it no longer, which says nothing against it; whether it waits again now."""
        moved = self._put_back(
            claim, lambda job, now_ms: lifecycle.give_back(job, now_ms, token=claim.token, reason=Reason.DRAINED)
        )
        return moved is not None

    def stop(self, claim: Claim, why: Stop) -> None:
        """A job leaves its GPU batch early."""
        if isinstance(why, CancelRequested):
            self._end(claim, State.CANCELLED)
        elif isinstance(why, DeadlineExceeded):
            self._write(claim, partial(lifecycle.overdue, spent_s=self.spent_s))

    def _lose_one(self, claim: Claim, why: DeviceLost) -> None:
        reason = f"the worker lost its card: {why.message}"
        self._put_back(claim, lambda job, now_ms: lifecycle.lose(job, now_ms, token=claim.token, reason=reason))

    def _retry_later(self, claim: Claim, error: DarkroomError) -> None:
        pause_ms = round(self._runtime.settings.retry_backoff_s * 1000 * 2 ** _retries(claim.record))
        self._write(
            claim,
            lambda job, now_ms: lifecycle.give_back(
                job, now_ms, token=claim.token, reason=Reason.RETRIED, not_before_ms=now_ms + pause_ms
            ),
        )
        logger().warning("job.retried_later", reason=error.code, pause_ms=pause_ms)

    def _run_alone(self, claim: Claim, error: DarkroomError) -> None:
        """One of several broke the GPU batch, and nobody can tell which: each runs again by itself."""
        moved = self._put_back(
            claim,
            lambda job, now_ms: lifecycle.give_back(job, now_ms, token=claim.token, reason=Reason.RUNS_ALONE),
        )
        if moved is not None:
            logger().warning("job.runs_alone", job=moved.id, reason=error.code)

    def _larger_gpu(self, claim: Claim) -> WorkerReport | None:
        """Whose GPU may hold a job that fits this one in no form."""
        runtime = self._runtime
        workers = until_redis_answers(lambda: WorkerRegistry(runtime.store.redis).living())
        return larger_gpu(claim.record.model, runtime.slot.budget_mib, workers)

    def _move_to(self, larger: WorkerReport, claim: Claim) -> None:
        moved = self._put_back(
            claim,
            lambda job, now_ms: lifecycle.give_back(
                job,
                now_ms,
                token=claim.token,
                reason=Reason.MOVED_TO_LARGER_GPU,
                queue=own_queue_of(larger.name, job.priority),
                degradations=(Reason.MOVED_TO_LARGER_GPU.value,),
            ),
        )
        if moved is not None:
            logger().warning("job.moved", to=larger.name, budget_mib=larger.budget_mib)
            self._tell(Happening.JOB_MOVED, moved, to=larger.name)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _end(self, claim: Claim, state: State, **how: Any) -> JobRecord | None:
        timings = self._stopwatch.timings()
        how |= {"token": claim.token, "state": state, "timings": timings, "spent_s": self._spent(claim, timings)}
        ended = self._write(claim, lambda job, now_ms: lifecycle.end(job, now_ms, **how))
        if ended is not None:
            error = ended.error.code if ended.error else None
            logger().info("job.ended", job=ended.id, state=ended.state.value, error=error, **ended.timings.model_dump())
            if degraded := set(ended.degradations) - {Reason.MOVED_TO_LARGER_GPU.value}:
                self._tell(Happening.JOB_DEGRADED, ended, degradations=", ".join(sorted(degraded)))
        return ended

    def _tell(self, what: Happening, record: JobRecord, **facts: object) -> None:
        worker = self._runtime.slot.name
        Happenings(self._runtime.store.redis).tell(
            what, owner=record.caller, worker=worker, model=record.model, job=record.id, **facts
        )

    def _spent(self, claim: Claim, timings: Timings) -> float:
        """GPU-seconds of one job. Bringing the model onto the GPU is not its person's: the next one's is there already."""
        if not KIND_RULES[claim.record.kind].is_work:
            return 0.0
        if self.spent_s is not None:
            return round(self.spent_s, 3)
        return round(self._parts[claim.record.id] * (timings.running_ms + timings.storing_ms) / 1000, 3)

    def _put_back(self, claim: Claim, rule: Callable[[JobRecord, int], JobRecord]) -> JobRecord | None:
        """Queue it again and send its ticket; None where it has ended instead, or was not ours any more."""
        moved = self._write(claim, rule)
        if moved is None or moved.state != State.QUEUED:
            return None
        self._send(moved)
        return moved

    def _write(self, claim: Claim, rule: Callable[[JobRecord, int], JobRecord]) -> JobRecord | None:
        """Write with the claim's pen, waiting for Redis if need be; None where the pen is no longer ours."""
        try:
            moved = self._runtime.store.move(claim.record.id, rule, waits=True)
        except (Fenced, IllegalMove, NotFound, Gone) as exc:
            logger().warning("job.result_refused", job=claim.record.id, reason=exc.message)
            return None
        if moved.is_final:
            self._go_on(moved)
        return moved

    def _go_on(self, ended: JobRecord) -> None:
        """What follows from an end: an answer to remember, the next step of its chain."""
        until_redis_answers(lambda: self._chains.remember(ended))
        if self._ratings is not None:
            self._see_to_ratings(self._ratings, ended)
        following = until_redis_answers(lambda: self._chains.advance(ended))
        if ended.id == self._first_id:
            self.following = following
        elif following is not None:
            self._send(following)

    def _see_to_ratings(self, ratings: RatingJobs, ended: JobRecord) -> None:
        """What the house has found out of a picture is taken down; what was made is to be rated."""
        until_redis_answers(lambda: ratings.settle(ended))
        if ended.state == State.SUCCEEDED:
            ratings.ask(ended.caller, made_by(ended), weight=ended.weight)

    def _send(self, record: JobRecord) -> None:
        """Send a ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)


def _retries(record: JobRecord) -> int:
    return sum(past.reason == Reason.RETRIED for past in record.history)


def rating_jobs(runtime: Runtime) -> RatingJobs | None:
    """Who has pictures rated; None where this house rates none."""
    if runtime.settings.rating == "off":
        return None
    return RatingJobs(runtime.store, runtime.dispatcher, runtime.catalogue, runtime.settings)


def engine_failed(why: Exception) -> EngineFailed:
    """What an engine raised that it should not, as a record keeps it."""
    return EngineFailed(f"the engine failed: {type(why).__name__}: {str(why)[:300]}")
