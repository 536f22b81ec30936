"""Which moves a record may make. Pure: a record and facts go in, a new record comes out or an error.

    waiting ──► queued ──► running ──► succeeded | failed | cancelled
       │           │ ▲        │
       │           │ └────────┘  worker lost, drained, or a failure that may pass
       └───────────┴──────────►  cancelled | failed

A claim raises `attempt` and carries a fresh token; whoever ends the job must show that token. What `attempt` counts are
claims; `history` lists those that did not end the job, and only those whose worker was lost count towards
`max_attempts`.
"""

from typing import Any

from shared.contracts.base import Priority
from shared.contracts.jobs import Attempt, Failure, JobRecord, Progress, Reason, State, Timings
from shared.contracts.kinds import KIND_RULES
from shared.errors import Busy, DarkroomError, DeadlineExceeded, Fenced, IllegalMove, WorkerLost
from shared.jobs.routing import split


def claim(record: JobRecord, now_ms: int, *, worker: str, gpu: str, token: str) -> JobRecord:
    """A worker takes a queued job; one whose deadline has passed fails instead, so look at the state.

    A claim that is made again with the same token, because its answer was lost, changes nothing.

    Raises:
        IllegalMove: it has ended, or waits for an earlier step: the message is a duplicate.
        Busy: another worker holds it, it is held back, or it must not start yet.
    """
    if record.state == State.RUNNING and record.token == token:
        return record
    if record.state == State.RUNNING:
        raise Busy(f"job {record.id} runs on {record.worker}")
    if record.state != State.QUEUED:
        raise IllegalMove(f"job {record.id} is {record.state.value}, so it cannot be claimed")
    if record.held:
        raise Busy(f"job {record.id} is held")
    if now_ms < record.not_before_ms:
        raise Busy(f"job {record.id} must not start for another {record.not_before_ms - now_ms} ms")
    if is_overdue(record, now_ms):
        return overdue(record, now_ms)
    waited_ms = max(0, now_ms - record.queued_at_ms)
    return record.model_copy(
        update={
            "state": State.RUNNING,
            "attempt": record.attempt + 1,
            "worker": worker,
            "gpu": gpu,
            "token": token,
            "started_at_ms": now_ms,
            "progress": Progress(),
            "timings": Timings(queued_ms=record.timings.queued_ms + waited_ms),
        }
    )


def end(
    record: JobRecord,
    now_ms: int,
    *,
    token: str,
    state: State,
    timings: Timings | None = None,
    result: dict[str, Any] | None = None,
    error: Failure | None = None,
    degradations: tuple[str, ...] = (),
    spent_s: float = 0.0,
) -> JobRecord:
    """The worker that holds the job ends it.

    A cancel that was requested before a success wins over it: the caller was promised that nothing comes.

    Args:
        spent_s: GPU-seconds it took, of its GPU batch only its part. 0: not known, so its person is charged nothing.

    Raises:
        Fenced: somebody else holds the job now, or it has ended; the result must be dropped.
    """
    if record.state != State.RUNNING or record.token != token:
        raise Fenced(f"job {record.id} is no longer held by this worker")
    if record.cancel_requested and state == State.SUCCEEDED:
        state, result, error = State.CANCELLED, None, None
    progress = record.progress or Progress()
    if state == State.SUCCEEDED:
        progress = progress.model_copy(update={"percent": 100, "step": progress.steps, "has_preview": False})
    return _close(record, now_ms, state).model_copy(
        update={
            "progress": progress,
            "timings": _merged(record.timings, timings),
            "result": result,
            "error": error,
            "degradations": degradations or record.degradations,
            "spent_s": spent_s,
        }
    )


def give_back(
    record: JobRecord,
    now_ms: int,
    *,
    token: str,
    reason: Reason,
    not_before_ms: int = 0,
    queue: str = "",
    degradations: tuple[str, ...] = (),
) -> JobRecord:
    """The worker that holds the job puts it back: it drains, the failure may pass later, or another GPU fits better.

    Args:
        queue: where to; "": where it came from.
        degradations: what the next attempt starts with.

    Raises:
        Fenced: it does not hold it any more.
    """
    if record.state != State.RUNNING or record.token != token:
        raise Fenced(f"job {record.id} is no longer held by this worker")
    if record.cancel_requested:
        return _close(record, now_ms, State.CANCELLED)
    elsewhere = {"queue": queue or record.queue, "degradations": degradations}
    return _requeue(record, now_ms, reason, not_before_ms).model_copy(update=elsewhere)


def lose(record: JobRecord, now_ms: int, *, reason: str, token: str = "") -> JobRecord:
    """A running job is taken from its worker: it fell silent, hung or drains (see `Reason`).

    After `max_attempts` losses that speak against the job it fails as `worker_lost`.

    Args:
        token: of the claim that is known to be dead; "": whichever holds it.

    Raises:
        IllegalMove: it is not running, or another claim holds it by now.
    """
    if record.state != State.RUNNING:
        raise IllegalMove(f"job {record.id} is {record.state.value}, not running")
    if token and record.token != token:
        raise IllegalMove(f"job {record.id} is held by another claim by now")
    if record.cancel_requested:
        return _close(record, now_ms, State.CANCELLED)
    if is_overdue(record, now_ms):
        return overdue(record, now_ms)
    back = _requeue(record, now_ms, reason, 0)
    lost = sum(past.has_lost_worker for past in back.history)
    if lost < record.max_attempts:
        return back
    error = WorkerLost(f"{lost} workers were lost under this job (limit {record.max_attempts}); see its history")
    closed = _close(record, now_ms, State.FAILED)
    return closed.model_copy(update={"history": back.history, "error": failure_of(error)})


def cancel(record: JobRecord, now_ms: int) -> JobRecord:
    """The caller does not want it any more: waiting and queued jobs end at once, a running one at its next step.

    A job that has ended stays as it is, so asking twice is harmless.
    """
    if record.is_final:
        return record
    if record.state == State.RUNNING:
        return record.model_copy(update={"cancel_requested": True})
    return _close(record, now_ms, State.CANCELLED).model_copy(update={"cancel_requested": True})


def refuse(record: JobRecord, now_ms: int, *, error: DarkroomError) -> JobRecord:
    """A job that never ran ends: its message could not be sent, no worker fits it, an earlier step failed.

    Raises:
        IllegalMove: a worker has it, or it has ended.
    """
    if record.state not in (State.WAITING, State.QUEUED):
        raise IllegalMove(f"job {record.id} is {record.state.value}")
    return _close(record, now_ms, State.FAILED).model_copy(update={"error": failure_of(error)})


def retried(record: JobRecord, now_ms: int, *, new_id: str) -> JobRecord:
    """The caller asked for an ended job again: it names the job that runs in its place.

    Raises:
        IllegalMove: it has not ended, or it succeeded.
    """
    if record.state not in (State.FAILED, State.CANCELLED):
        raise IllegalMove(f"job {record.id} is {record.state.value}; only failed and cancelled jobs can be retried")
    return record.model_copy(update={"retried_as": new_id})


def release(record: JobRecord, now_ms: int) -> JobRecord:
    """The step before this one succeeded, so this one may be queued.

    Raises:
        IllegalMove: it does not wait.
    """
    if record.state != State.WAITING:
        raise IllegalMove(f"job {record.id} is {record.state.value}, not waiting")
    return record.model_copy(update={"state": State.QUEUED, "queued_at_ms": now_ms})


def hold(record: JobRecord, now_ms: int) -> JobRecord:
    """Its owner holds it back: it keeps its place and its deadline, and starts nowhere.

    Raises:
        IllegalMove: it runs or has ended.
    """
    return _in_hand(record, "held", held=True)


def unhold(record: JobRecord, now_ms: int) -> JobRecord:
    """It may start again. Its ticket may be gone by now, so whoever asks for this sends a fresh one.

    Raises:
        IllegalMove: it has ended.
    """
    return record if not (record.held or record.is_final) else _in_hand(record, "released", held=False)


def reprioritise(record: JobRecord, now_ms: int, *, priority: Priority) -> JobRecord:
    """It waits in another queue now, of the same model or worker, and needs a fresh ticket there.

    Raises:
        IllegalMove: it runs or has ended, or is a command.
    """
    if not KIND_RULES[record.kind].is_work:
        raise IllegalMove(f"job {record.id} is a command, and those have no other priority")
    queue = f"{split(record.queue)[0]}.{priority.value}"
    return _in_hand(record, "moved to another priority", priority=priority, queue=queue)


def to_front(record: JobRecord, now_ms: int, *, of_all: bool = False) -> JobRecord:
    """It goes before all other jobs of its person in its queue, also before those that were moved there earlier.

    Args:
        of_all: before everybody's.

    Raises:
        IllegalMove: it runs or has ended.
    """
    return _in_hand(record, "moved to the front", rank=-now_ms, ahead=of_all or record.ahead)


def _in_hand(record: JobRecord, what: str, **changes: Any) -> JobRecord:
    if record.state not in (State.WAITING, State.QUEUED):
        raise IllegalMove(f"job {record.id} is {record.state.value}; only waiting and queued jobs can be {what}")
    return record.model_copy(update=changes)


def is_overdue(record: JobRecord, now_ms: int) -> bool:
    """Whether the job's own deadline has passed before it ended."""
    return bool(record.deadline_at_ms) and now_ms >= record.deadline_at_ms and not record.is_final


def overdue(record: JobRecord, now_ms: int, *, spent_s: float | None = None) -> JobRecord:
    """The job's deadline passed: it fails, wherever it is.

    Args:
        spent_s: GPU-seconds that it took; None: not known.

    Raises:
        IllegalMove: it has none, or it is not over yet.
    """
    if not is_overdue(record, now_ms):
        raise IllegalMove(f"job {record.id} is not overdue")
    late_ms = now_ms - record.deadline_at_ms
    error = DeadlineExceeded(f"the job's deadline passed {late_ms} ms ago while it was {record.state.value}")
    closed = _close(record, now_ms, State.FAILED).model_copy(update={"error": failure_of(error)})
    if record.state != State.RUNNING:
        return closed
    # A deadline must not make work free of charge.
    took_s = min(record.cost_s, (now_ms - record.started_at_ms) / 1000) if spent_s is None else round(spent_s, 3)
    return closed.model_copy(update={"spent_s": took_s})


def failure_of(error: DarkroomError) -> Failure:
    """An error as a record keeps it."""
    return Failure(code=error.code, message=error.message, retryable=error.retryable, field=error.field)


def _close(record: JobRecord, now_ms: int, state: State) -> JobRecord:
    waited_ms = max(0, now_ms - record.queued_at_ms) if record.state == State.QUEUED else 0
    timings = record.timings.model_copy(update={"queued_ms": record.timings.queued_ms + waited_ms})
    return record.model_copy(
        update={"state": state, "ended_at_ms": now_ms, "token": "", "lease_until_ms": 0, "timings": timings}
    )


def _requeue(record: JobRecord, now_ms: int, reason: str, not_before_ms: int) -> JobRecord:
    past = Attempt(
        attempt=record.attempt,
        worker=record.worker,
        started_at_ms=record.started_at_ms,
        ended_at_ms=now_ms,
        reason=reason,
        resumed_at_step=record.progress.resumed_at if record.progress else 0,
    )
    return record.model_copy(
        update={
            "state": State.QUEUED,
            "queued_at_ms": now_ms,
            "not_before_ms": not_before_ms,
            "token": "",
            "lease_until_ms": 0,
            "progress": None,
            "degradations": (),
            "history": (*record.history, past),
        }
    )


def _merged(before: Timings, worker: Timings | None) -> Timings:
    return worker.model_copy(update={"queued_ms": before.queued_ms}) if worker else before
