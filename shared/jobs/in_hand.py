"""What its owner may make different about a job that has not started. Pure: a rule for `JobStore.move`, made of `lifecycle`'s.

Whose the job is, and what a key may ask for, is asked elsewhere.
"""

from shared.contracts.in_hand import JobChange
from shared.contracts.jobs import JobRecord, State
from shared.errors import IllegalMove
from shared.jobs import lifecycle


def changed(record: JobRecord, now_ms: int, change: JobChange, *, is_paused: bool = False, place: int = 0) -> JobRecord:
    """The record with the change made; the same record where it was so already.

    Args:
        is_paused: whether its owner has paused everything of theirs.
        place: among several that are moved to the front in the same millisecond; the highest ends up first.

    Raises:
        IllegalMove: it runs or has ended; it would be released while its owner has paused everything.
    """
    if record.state not in (State.WAITING, State.QUEUED):
        raise IllegalMove(f"job {record.id} is {record.state.value}; only waiting and queued jobs can be changed")
    if change.held is False and record.paused and is_paused:
        raise IllegalMove(
            f'job {record.id} is held with everything of {record.caller}: send {{"paused": false}} to /v1/me'
        )
    if change.priority is not None and change.priority != record.priority:
        record = lifecycle.reprioritise(record, now_ms, priority=change.priority)
    if change.held is not None:
        record = _held(record, now_ms, change.held)
    if change.front:
        record = lifecycle.to_front(record, now_ms, of_all=change.front == "all")
        record = record.model_copy(update={"rank": record.rank * PLACES - place})
    return record


#: Jobs that may be moved to the front in one millisecond and keep their order.
PLACES = 1024


def needs_ticket(before: JobRecord, after: JobRecord) -> bool:
    """Whether it may start now where it could not before: its old ticket is gone, or lies in another queue."""
    may_start = after.state == State.QUEUED and not after.held
    return may_start and (before.held or before.queue != after.queue)


def _held(record: JobRecord, now_ms: int, held: bool) -> JobRecord:
    # Held by itself, it stays so when its owner lets everything go on.
    if held == record.held:
        return record.model_copy(update={"paused": False}) if record.paused else record
    moved = lifecycle.hold(record, now_ms) if held else lifecycle.unhold(record, now_ms)
    return moved.model_copy(update={"paused": False})
