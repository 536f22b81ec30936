"""One job, or one GPU batch, from claim to result.

The runner never raises for a failed job: it records the failure, so one bad member does not break its batch, and the
message is done either way. What it raises is `NotOurs`, for a message that stands for no work.

The order it promises: the record says `running` before anything is loaded; pictures are stored before the record says
`succeeded`; whoever lost the pen meanwhile changes nothing.
"""

import uuid
from collections.abc import Callable
from typing import Any

from shared import lifecycle
from shared.chains import Chains
from shared.contracts.jobs import JobRecord, State
from shared.errors import (
    ArtifactStoreDown,
    Busy,
    CancelRequested,
    DarkroomError,
    DeadlineExceeded,
    EngineFailed,
    Fenced,
    Gone,
    IllegalMove,
    NotFound,
    RedisUnavailable,
    Signal,
)
from shared.learned import Learned
from shared.log import bound, logger
from workers.kinds import analyze, generate, orders
from workers.kinds.outcome import Outcome
from workers.patience import until_redis_answers
from workers.runtime import Runtime
from workers.stopwatch import Stopwatch
from workers.teaching import teach
from workers.watching import BatchWatch, Member, Stop

#: Kind → what runs a batch of it.
KINDS: dict[str, Callable[..., list[Outcome]]] = {
    "generate": generate.run,
    "analyze": analyze.run,
    "switch": orders.switch,
    "unload": orders.unload,
}
#: Failures that may pass by themselves; each is tried again after a pause, this often.
PASSING = (ArtifactStoreDown, RedisUnavailable)
MAX_RETRIES = 4


class NotOurs(Exception):
    """The message stands for no work: a duplicate, a job of somebody else, an unknown id."""


class Runner:
    """Runs jobs with what the runtime owns."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._learned = Learned(runtime.store.redis)
        self._chains = Chains(runtime.store, runtime.settings)
        #: The job whose message this is, and what follows it: one message at a time.
        self._first_id = ""
        self._following: JobRecord | None = None

    def run(self, job_id: str) -> JobRecord | None:
        """Claim the job (and peers for its batch), run it, record how it ended.

        Returns the next step of this job's chain where it is queued now; the caller sends its ticket. Those of the
        peers' chains have been sent.

        Raises:
            NotOurs: there was nothing to do.
        """
        self._first_id, self._following = job_id, None
        first = self._claim(job_id)
        members = [first, *self._claim_peers(first.record)]
        with bound(job=job_id, model=first.record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=first.record.kind, attempt=first.record.attempt, batch=len(members))
            self._run_batch(members)
        return self._following

    def send(self, record: JobRecord) -> None:
        """Send a released step's ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)

    # -- claiming ----------------------------------------------------------------------------------------------------

    def _claim(self, job_id: str) -> Member:
        try:
            member = self._claim_now(job_id)
        except (Busy, IllegalMove, NotFound, Gone) as exc:
            raise NotOurs(exc.message) from exc
        if member.record.state != State.RUNNING:
            raise NotOurs(f"job {job_id} is {member.record.state.value}")
        return member

    def _claim_now(self, job_id: str) -> Member:
        """One token for all tries: a claim whose answer was lost must find itself, not somebody else's."""
        token, slot = uuid.uuid4().hex, self._runtime.slot

        def rule(job: JobRecord, now_ms: int) -> JobRecord:
            return lifecycle.claim(job, now_ms, worker=slot.name, gpu=slot.gpu, token=token)

        return Member(until_redis_answers(lambda: self._runtime.store.move(job_id, rule)), token)

    def _claim_peers(self, first: JobRecord) -> list[Member]:
        """Queued jobs that may share this one's GPU batch, as many as fit; only where each is on its first attempt."""
        room = self._room_for_peers(first)
        if room < 1:
            return []
        members: list[Member] = []
        for job_id in self._peers_of(first, 4 * room):
            if len(members) == room:
                break
            try:
                member = self._claim_now(job_id)
            except DarkroomError:
                continue  # somebody else was faster
            if member.record.state == State.RUNNING:
                members.append(member)
        return members

    def _peers_of(self, first: JobRecord, limit: int) -> list[str]:
        """None while Redis is away: the job in hand must not wait for company."""
        try:
            return self._runtime.store.peers(first.batch_key, limit)
        except RedisUnavailable:
            return []

    def _room_for_peers(self, first: JobRecord) -> int:
        if first.attempt > 1 or not first.batch_key or first.params.get("n", 1) > 1:
            return 0
        return self._runtime.settings.max_batch - 1

    # -- running -----------------------------------------------------------------------------------------------------

    def _run_batch(self, members: list[Member]) -> None:
        stopwatch = Stopwatch()
        watch = BatchWatch(
            self._runtime.store,
            members,
            preview_every=self._runtime.settings.preview_every_steps,
            on_stop=lambda member, why: self._stop(member, why, stopwatch),
        )
        records = [member.record for member in members]
        was_loaded = self._is_loaded(records[0].model)
        try:
            outcomes = KINDS[records[0].kind](records, self._runtime, watch, stopwatch)
        except Signal as signal:
            logger().info("job.stopped", reason=signal.code)
        except DarkroomError as error:
            self._fail(watch, error, stopwatch)
        except Exception as exc:
            logger().error("engine.failed", exc_info=exc)
            failed = EngineFailed(f"the engine failed: {type(exc).__name__}: {str(exc)[:300]}")
            self._fail(watch, failed, stopwatch)
        else:
            self._succeed(watch, dict(zip((r.id for r in records), outcomes, strict=True)), stopwatch)
            if len(watch.alive) == len(records):
                loaded = not was_loaded and self._is_loaded(records[0].model)
                teach(self._learned, self._runtime.slot.name, records, stopwatch.timings(), has_loaded=loaded)
        self._runtime.tell_residents()

    def _is_loaded(self, model: str) -> bool:
        return any(resident.model == model for resident in self._runtime.residency.residents())

    def _succeed(self, watch: BatchWatch, outcomes: dict[str, Outcome], stopwatch: Stopwatch) -> None:
        for member in watch.alive:
            outcome = outcomes[member.record.id]
            state = State.FAILED if outcome.error else State.SUCCEEDED
            ended = self._end(
                member,
                state=state,
                timings=stopwatch.timings(),
                result=outcome.result,
                error=outcome.error,
                degradations=watch.degradations,
            )
            if ended and ended.state == State.SUCCEEDED and outcome.artifacts:
                self._settle(outcome.artifacts)

    def _settle(self, artifacts: tuple[str, ...]) -> None:
        """The record names them now; recovery need not look after them."""
        until_redis_answers(lambda: self._runtime.store.settle(artifacts))

    def _fail(self, watch: BatchWatch, error: DarkroomError, stopwatch: Stopwatch) -> None:
        for member in watch.alive:
            if isinstance(error, PASSING) and _retries(member.record) < MAX_RETRIES:
                self._retry_later(member, error)
            else:
                self._end(
                    member,
                    state=State.FAILED,
                    timings=stopwatch.timings(),
                    error=lifecycle.failure_of(error),
                    degradations=watch.degradations,
                )

    def _retry_later(self, member: Member, error: DarkroomError) -> None:
        pause_ms = round(self._runtime.settings.retry_backoff_s * 1000 * 2 ** _retries(member.record))
        self._write(
            member,
            lambda job, now_ms: lifecycle.give_back(
                job, now_ms, token=member.token, reason="retried", not_before_ms=now_ms + pause_ms
            ),
        )
        logger().warning("job.retried_later", reason=error.code, pause_ms=pause_ms)

    def _stop(self, member: Member, why: Stop, stopwatch: Stopwatch) -> None:
        """A job leaves its batch early."""
        if isinstance(why, CancelRequested):
            self._end(member, state=State.CANCELLED, timings=stopwatch.timings())
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
            self._following = following
        elif following is not None:
            self.send(following)


def _retries(record: JobRecord) -> int:
    return sum(past.reason == "retried" for past in record.history)
