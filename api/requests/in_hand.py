"""Jobs changed or cancelled after they were sent, one or many. What is wrong with one of many is its own outcome.

The move itself asks whose the job is and what state it is in, so a change that races with a claim is either made before it,
or refused because the job runs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from api.services import Services
from api.services.auth import Caller
from api.services.ownership import unknown
from shared.accounts.scope_rules import check_priority
from shared.contracts.access import Role
from shared.contracts.audit import Deed
from shared.contracts.in_hand import (
    MOST_JOBS,
    JobChange,
    JobOutcome,
    JobOutcomes,
    JobsCancel,
    JobsChange,
    LiveFilter,
    QueuedFilter,
)
from shared.contracts.jobs import JOB_ID, JobRecord, State
from shared.errors import CallersError, RoleNeeded
from shared.jobs import lifecycle
from shared.jobs.in_hand import changed, needs_ticket
from shared.jobs.lifecycle import failure_of
from shared.jobs.store import Rule
from shared.log import logger

NOT_STARTED = (State.WAITING, State.QUEUED)
LIVE = (*NOT_STARTED, State.RUNNING)


@dataclass(frozen=True)
class Made:
    """A job before and after a move."""

    before: JobRecord
    after: JobRecord

    @property
    def is_change(self) -> bool:
        return self.before.rev != self.after.rev


def change_one(ours: Services, caller: Caller, job_id: str, change: JobChange) -> JobRecord:
    """Make one job different; returns it as it then is.

    Raises:
        NotFound, Gone: no such job of theirs. IllegalMove: it runs or has ended.
        ScopeExceeded, RoleNeeded: the key, or the role, may not ask for that.
    """
    _check(caller, change)
    made = _change(ours, caller, job_id, change, 0)
    if made.is_change:
        logger().info("job.changed", job=job_id, **change.model_dump(mode="json", exclude_unset=True))
    return made.after


def change_many(ours: Services, caller: Caller, asked: JobsChange) -> JobOutcomes:
    """The same of many jobs. Raises only what is wrong with all of them."""
    _check(caller, asked)
    ids, cursor = _chosen(ours, caller, asked.ids, asked.filter, asked.cursor, NOT_STARTED)
    if asked.filter is not None and asked.filter.batch and not asked.filter.state:
        ours.batches.follow(asked.filter.batch, priority=asked.priority, held=asked.held)
    # The last one that is moved to the front ends up first, so the first one asked for comes last.
    ordered = list(reversed(ids)) if asked.front else ids
    found = {
        job_id: _outcome(ours, caller, job_id, partial(_change, ours, caller, job_id, asked, place))
        for place, job_id in enumerate(ordered)
    }
    outcomes = _told([found[job_id] for job_id in ids], cursor)
    what = asked.model_dump(mode="json", include=set(JobChange.model_fields) & asked.model_fields_set)
    logger().info("jobs.changed", changed=outcomes.changed, refused=outcomes.refused, **what)
    return outcomes


def cancel_one(ours: Services, caller: Caller, job_id: str) -> JobRecord:
    """Give one job up; returns it as it then is. Raises as `change_one`."""
    return _cancel(ours, caller, job_id).after


def cancel_many(ours: Services, caller: Caller, asked: JobsCancel) -> JobOutcomes:
    """The same of many jobs. Raises only what is wrong with all of them."""
    ids, cursor = _chosen(ours, caller, asked.ids, asked.filter, asked.cursor, LIVE)
    if asked.filter is not None and asked.filter.batch and not asked.filter.state:
        ours.batches.stop(asked.filter.batch)
    outcomes = [_outcome(ours, caller, job_id, partial(_cancel, ours, caller, job_id)) for job_id in ids]
    told = _told(outcomes, cursor)
    logger().info("jobs.cancelled", changed=told.changed, refused=told.refused)
    return told


# -- one job ---------------------------------------------------------------------------------------------------------


def _change(ours: Services, caller: Caller, job_id: str, change: JobChange, place: int) -> Made:
    def rule(record: JobRecord, now_ms: int) -> JobRecord:
        is_paused = record.paused and change.held is False and ours.pauses.is_paused(record.caller)
        return changed(record, now_ms, change, is_paused=is_paused, place=place)

    made = _moved(ours, caller, job_id, rule)
    if needs_ticket(made.before, made.after):
        ours.dispatcher.try_resend(made.after)
    _tell(ours, caller, made, Deed.JOB_CHANGED)
    return made


def _cancel(ours: Services, caller: Caller, job_id: str) -> Made:
    made = _moved(ours, caller, job_id, lifecycle.cancel)
    _tell(ours, caller, made, Deed.JOB_CANCELLED)
    return made


def _moved(ours: Services, caller: Caller, job_id: str, rule: Rule) -> Made:
    seen: list[JobRecord] = []

    def remembering(record: JobRecord, now_ms: int) -> JobRecord:
        seen.append(record)
        return rule(record, now_ms)

    after = ours.ownership.move(caller, job_id, remembering)
    return Made(seen[-1], after)


def _tell(ours: Services, caller: Caller, made: Made, deed: Deed) -> None:
    """What is done to others' jobs stands in the audit."""
    if made.is_change:
        ours.ownership.tell(caller, made.after.caller, deed, made.after.id)


def _check(caller: Caller, change: JobChange) -> None:
    if change.priority is not None:
        check_priority(caller.scopes, change.priority)
    if change.front == "all" and not caller.may(Role.OPERATOR):
        raise RoleNeeded(
            f"front: before everybody's jobs needs the role {Role.OPERATOR}; true moves it before your own",
            field="front",
        )


# -- many ------------------------------------------------------------------------------------------------------------


def _chosen(
    ours: Services,
    caller: Caller,
    ids: list[str] | None,
    fits: QueuedFilter | LiveFilter | None,
    cursor: str,
    states: tuple[State, ...],
) -> tuple[list[str], str | None]:
    """Ids of the jobs a request is about, and where a filter goes on."""
    if fits is None:
        return list(dict.fromkeys(ids or ())), None
    if not fits.mine and not caller.may(Role.OPERATOR):
        raise RoleNeeded(f"mine: everybody's jobs need the role {Role.OPERATOR}", field="filter.mine")
    owner = caller.person if fits.mine else None
    wanted = (State(fits.state),) if fits.state else states
    if fits.batch is None:
        found, last = ours.store.live_ids(wanted, owner, int(cursor or 0), MOST_JOBS)
        return found, None if last is None else str(last)
    batch = ours.ownership.batch(caller, fits.batch)
    if owner not in (None, batch.caller):
        raise unknown("batch", fits.batch)
    return ours.batches.jobs_in(batch.id, wanted), None


def _outcome(ours: Services, caller: Caller, job_id: str, act: Callable[[], Made]) -> JobOutcome:
    try:
        if not JOB_ID.match(job_id):
            raise unknown("job", job_id)
        made = act()
    except CallersError as error:
        return JobOutcome(id=job_id, outcome="refused", state=_state_of(ours, caller, job_id), error=failure_of(error))
    return JobOutcome(id=job_id, outcome="changed" if made.is_change else "unchanged", state=made.after.state)


def _state_of(ours: Services, caller: Caller, job_id: str) -> State | None:
    found = ours.ownership.jobs(caller, [job_id]) if JOB_ID.match(job_id) else []
    return found[0].state if found else None


def _told(outcomes: Iterable[JobOutcome], cursor: str | None) -> JobOutcomes:
    rows = list(outcomes)
    counts = {what: sum(row.outcome == what for row in rows) for what in ("changed", "unchanged", "refused")}
    return JobOutcomes(jobs=rows, next_cursor=cursor, **counts)
