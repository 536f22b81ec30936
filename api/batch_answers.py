"""Batches and members as answers: how they look, their ETag, and how a request waits for one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response, request

from api.changes import PACE_S
from api.job_answers import SEATS_TAKEN_RETRY_S
from api.services import Services
from shared.batch_members import MemberRow
from shared.contracts.batch_records import (
    ENDED_MEMBERS,
    BatchRecord,
    BatchView,
    FailureCount,
    MemberJob,
    MemberState,
    MemberView,
    Numbers,
    PlannedStep,
    WebhookView,
)
from shared.contracts.jobs import JobRecord, State, iso

#: Changes of a batch come in flocks: a request that waits for any gathers them for so long.
GATHER_S = 0.25

Found = tuple[BatchRecord, Numbers]


@dataclass(frozen=True)
class BatchWait:
    """What a waiting request got."""

    found: Found
    #: Too many requests wait already, so this one did not.
    was_refused: bool = False


def batch_view(record: BatchRecord, numbers: Numbers) -> BatchView:
    """The public face of a batch."""
    pace = _members_per_second(record, numbers)
    left = numbers.members[MemberState.WAITING] + numbers.members[MemberState.ACTIVE]
    return BatchView(
        id=record.id,
        name=record.name,
        state=record.state.value,
        priority=record.priority,
        created_at=iso(record.created_at_ms) or "",
        started_at=iso(record.started_at_ms),
        ended_at=iso(record.ended_at_ms),
        total=record.total,
        counts=numbers.members,
        jobs=numbers.jobs,
        percent=sum(numbers.members[state] for state in ENDED_MEMBERS) * 100 // max(1, record.total),
        reused=numbers.reused,
        members_per_second=pace,
        eta_s=round(left / pace, 1) if pace and not record.is_over else None,
        failures=_failures(numbers),
        steps=[PlannedStep(kind=s.kind, models=[variant.model for variant in s.variants]) for s in record.steps],
        round=record.round,
        webhook=_webhook(record),
        links=_links(record.id),
    )


def member_view(row: MemberRow, jobs: Sequence[JobRecord]) -> MemberView:
    """The public face of a member."""
    failed = next((job.error for job in jobs if job.state == State.FAILED), None)
    made = [image["id"] for job in jobs for image in (job.result or {}).get("images", ())]
    return MemberView(
        index=row.index,
        state=row.state,
        name=row.member.name,
        image=row.member.image or None,
        prompt=row.member.prompt or None,
        seed=row.member.seed,
        model=row.member.model or None,
        jobs=[MemberJob(id=job.id, kind=job.kind, state=job.state.value, reused=bool(job.reused_from)) for job in jobs],
        images=made,
        error=row.member.error or (failed if row.state == MemberState.FAILED else None),
    )


def wait_until(ours: Services, found: Found, is_done: Callable[[BatchRecord], bool], wait_s: float) -> BatchWait:
    """Hold the request until its batch is done in this sense, or the time is up."""
    batch_id = found[0].id
    ends_at = time.monotonic() + min(wait_s, ours.settings.max_wait_seconds)
    if wait_s <= 0 or is_done(found[0]):
        return BatchWait(found)
    with ours.changes.watch(batch_id) as bell:
        if bell is None:
            return BatchWait(found, was_refused=True)
        while True:
            bell.clear()
            found = ours.batches.read(batch_id)
            left_s = ends_at - time.monotonic()
            if is_done(found[0]) or left_s <= 0:
                return BatchWait(found)
            bell.wait(min(left_s, PACE_S))
            time.sleep(max(0.0, min(GATHER_S, ends_at - time.monotonic())))


def answer(waited: BatchWait, status: int = 200, **headers: str) -> Response:
    """One batch; 304 where the caller knows it already."""
    record, numbers = waited.found
    response = Response(batch_view(record, numbers).model_dump_json(), status, mimetype="application/json")
    response.set_etag(etag_of(record))
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    if waited.was_refused:
        response.headers["Retry-After"] = str(SEATS_TAKEN_RETRY_S)
    if status == 200:
        response.make_conditional(request)
    return response


def etag_of(record: BatchRecord) -> str:
    """Changes with everything that is counted."""
    return f"{record.version}-{record.state.value}"


def known_to_caller(record: BatchRecord) -> bool:
    """Whether the caller's If-None-Match names the batch as it stands."""
    return bool(request.if_none_match) and request.if_none_match.contains_weak(etag_of(record))


def _members_per_second(record: BatchRecord, numbers: Numbers) -> float | None:
    """Over the last members that ended; up to now while it runs, so that a standstill shows."""
    if len(numbers.ends_ms) < 2:
        return None
    until_ms = record.ended_at_ms or numbers.now_ms
    return round((len(numbers.ends_ms) - 1) * 1000 / max(1, until_ms - numbers.ends_ms[-1]), 3)


def _failures(numbers: Numbers) -> list[FailureCount]:
    ranked = sorted(numbers.reasons.items(), key=lambda item: (-item[1], item[0]))
    return [FailureCount(code=c, count=n, message=numbers.messages.get(c, "")) for c, n in ranked]


def _webhook(record: BatchRecord) -> WebhookView | None:
    if not record.webhook:
        return None
    return WebhookView(
        url=record.webhook,
        state=record.webhook_state,
        attempts=record.webhook_attempts,
        error=record.webhook_error or None,
    )


def _links(batch_id: str) -> dict[str, str]:
    here = f"/v1/batches/{batch_id}"
    exports = {name: f"{here}/export.{name}" for name in ("jsonl", "csv")}
    return {"self": here, "members": f"{here}/members", **exports, "xmp": f"{here}/export.xmp.zip"}
