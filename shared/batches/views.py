"""How a batch and its members look to callers. Pure: the API answers with them, webhooks carry them."""

from collections.abc import Sequence

from shared.accounts.limits import waits_for
from shared.batches.members import MemberRow
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
from shared.contracts.waits import WaitCode, Waits


def batch_view(record: BatchRecord, numbers: Numbers) -> BatchView:
    """The public face of a batch."""
    pace = _members_per_second(record, numbers)
    left = numbers.members[MemberState.WAITING] + numbers.members[MemberState.ACTIVE]
    return BatchView(
        id=record.id,
        owner=record.caller,
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
        waits=_waits(record) if numbers.members[MemberState.WAITING] else None,
        failures=_failures(numbers),
        steps=planned_steps(record),
        round=record.round,
        webhook=_webhook(record),
        links=_links(record.id),
    )


def _waits(record: BatchRecord) -> Waits | None:
    if record.held:
        return Waits(code=WaitCode.HELD, message="held: no more jobs are made of it until it is released")
    return waits_for(record.waits) if record.waits else None


def planned_steps(record: BatchRecord) -> list[PlannedStep]:
    """Every step with its models, as callers see them."""
    return [PlannedStep(kind=s.kind, models=[variant.model for variant in s.variants]) for s in record.steps]


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
    return {
        "self": here,
        "members": f"{here}/members",
        "sheet": f"{here}/sheet",
        **exports,
        "xmp": f"{here}/export.xmp.zip",
    }
