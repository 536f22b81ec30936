"""How the jobs of one GPU batch end: with a result, a failure, another try later, a larger card, or early.

Every word about an end is written here, with the member's pen: whoever lost it meanwhile changes nothing. What follows
from an end (an answer to remember, the next step of a chain) follows at once.
"""

from collections.abc import Callable
from typing import Any

from shared.contracts.jobs import JobRecord, State
from shared.errors import (
    ArtifactStoreDown,
    CancelRequested,
    DarkroomError,
    DeadlineExceeded,
    DeviceLost,
    DoesNotFit,
    Fenced,
    Gone,
    IllegalMove,
    NotFound,
    OutOfVram,
    RedisUnavailable,
)
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.jobs.routing import own_queue_of
from shared.log import logger
from shared.rack.worker_registry import WorkerRegistry
from shared.redis.patience import until_redis_answers
from workers.execution.kinds.base import Outcome
from workers.execution.larger_gpu import larger_gpu
from workers.execution.progress import BatchWatch, Member, Stop
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch

#: Failures that may pass by themselves; each is tried again after a pause, this often.
PASSING = (ArtifactStoreDown, RedisUnavailable)
MAX_RETRIES = 4
#: Failures that a larger card may not have.
TOO_SMALL = (OutOfVram, DoesNotFit)
MOVED = "moved_to_larger_card"
ALONE = "runs_alone"


class Endings:
    """Writes the ends of one batch. `first_id` is the job whose message this is."""

    def __init__(self, runtime: Runtime, chains: Chains, first_id: str, stopwatch: Stopwatch) -> None:
        self._runtime = runtime
        self._chains = chains
        self._first_id = first_id
        self._stopwatch = stopwatch
        #: The next step of the first job's chain, once it is queued; its ticket is the caller's to send.
        self.following: JobRecord | None = None

    def succeed(self, watch: BatchWatch, outcomes: dict[str, Outcome]) -> None:
        for member in watch.alive:
            outcome = outcomes[member.record.id].honest
            state = State.FAILED if outcome.error else State.SUCCEEDED
            ended = self._end(
                member,
                state=state,
                timings=self._stopwatch.timings(),
                result=outcome.result,
                error=outcome.error,
                degradations=watch.degradations_of(member),
            )
            if ended and ended.state == State.SUCCEEDED and outcome.artifacts:
                self._settle(outcome.artifacts)

    def _settle(self, artifacts: tuple[str, ...]) -> None:
        """The record names them now; recovery need not look after them."""
        until_redis_answers(lambda: self._runtime.store.settle(artifacts))

    def fail(self, watch: BatchWatch, error: DarkroomError) -> None:
        alive = watch.alive
        for member in alive:
            if isinstance(error, PASSING) and _retries(member.record) < MAX_RETRIES:
                self._retry_later(member, error)
            elif len(alive) > 1:
                self._run_alone(member, error)
            elif not (isinstance(error, TOO_SMALL) and self._moved_to_larger_gpu(member)):
                self._end(
                    member,
                    state=State.FAILED,
                    timings=self._stopwatch.timings(),
                    error=lifecycle.failure_of(error),
                    degradations=watch.degradations_of(member),
                )

    def lose(self, watch: BatchWatch, why: DeviceLost) -> None:
        """The card is lost under the batch. A job that was alone on it counts it as a lost worker; of several nobody can
        tell which one broke it, if any did, so each runs again by itself and none is to blame yet."""
        alive = watch.alive
        for member in alive:
            if len(alive) > 1:
                self._run_alone(member, why)
            else:
                self._lost(member, why)

    def _lost(self, member: Member, why: DeviceLost) -> None:
        reason = f"the worker lost its card: {why.message}"
        moved = self._write(member, lambda job, now_ms: lifecycle.lose(job, now_ms, token=member.token, reason=reason))
        if moved is not None and moved.state == State.QUEUED:
            self._send(moved)

    def _retry_later(self, member: Member, error: DarkroomError) -> None:
        pause_ms = round(self._runtime.settings.retry_backoff_s * 1000 * 2 ** _retries(member.record))
        self._write(
            member,
            lambda job, now_ms: lifecycle.give_back(
                job, now_ms, token=member.token, reason="retried", not_before_ms=now_ms + pause_ms
            ),
        )
        logger().warning("job.retried_later", reason=error.code, pause_ms=pause_ms)

    def _run_alone(self, member: Member, error: DarkroomError) -> None:
        """One of several broke the batch, and nobody can tell which: each runs again by itself."""
        moved = self._write(
            member, lambda job, now_ms: lifecycle.give_back(job, now_ms, token=member.token, reason=ALONE)
        )
        if moved is not None and moved.state == State.QUEUED:
            logger().warning("job.runs_alone", job=moved.id, reason=error.code)
            self._send(moved)

    def _moved_to_larger_gpu(self, member: Member) -> bool:
        """Hand a job that fits this card in no form to a worker with a larger one; False: there is none."""
        runtime = self._runtime
        workers = until_redis_answers(lambda: WorkerRegistry(runtime.store.redis).living())
        larger = larger_gpu(member.record.model, runtime.slot.budget_mib, workers)
        if larger is None:
            return False
        moved = self._write(
            member,
            lambda job, now_ms: lifecycle.give_back(
                job,
                now_ms,
                token=member.token,
                reason=MOVED,
                queue=own_queue_of(larger.name, job.priority),
                degradations=(MOVED,),
            ),
        )
        if moved is not None and moved.state == State.QUEUED:
            logger().warning("job.moved", to=larger.name, budget_mib=larger.budget_mib)
            self._send(moved)
        return True

    def stop(self, member: Member, why: Stop) -> None:
        """A job leaves its batch early."""
        if isinstance(why, CancelRequested):
            self._end(member, state=State.CANCELLED, timings=self._stopwatch.timings())
        elif isinstance(why, DeadlineExceeded):
            self._write(member, lifecycle.overdue)

    def _end(self, member: Member, **how: Any) -> JobRecord | None:
        ended = self._write(member, lambda job, now_ms: lifecycle.end(job, now_ms, token=member.token, **how))
        if ended is not None:
            error = ended.error.code if ended.error else None
            logger().info("job.ended", job=ended.id, state=ended.state.value, error=error, **ended.timings.model_dump())
        return ended

    def _write(self, member: Member, rule: Callable[[JobRecord, int], JobRecord]) -> JobRecord | None:
        """Write with the member's pen, waiting for Redis if need be; None where the pen is no longer ours."""
        try:
            moved = until_redis_answers(lambda: self._runtime.store.move(member.record.id, rule))
        except (Fenced, IllegalMove, NotFound, Gone) as exc:
            logger().warning("job.result_refused", job=member.record.id, reason=exc.message)
            return None
        if moved.is_final:
            self._go_on(moved)
        return moved

    def _go_on(self, ended: JobRecord) -> None:
        """What follows from an end: an answer to remember, the next step of its chain."""
        until_redis_answers(lambda: self._chains.remember(ended))
        following = until_redis_answers(lambda: self._chains.advance(ended))
        if ended.id == self._first_id:
            self.following = following
        elif following is not None:
            self._send(following)

    def _send(self, record: JobRecord) -> None:
        """Send a ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)


def _retries(record: JobRecord) -> int:
    return sum(past.reason == "retried" for past in record.history)
