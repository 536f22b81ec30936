"""What is held against a person's limits, and what is said when one is reached. Pure.

A day is UTC's. GPU time is kept in whole milliseconds and pictures in bytes, because Redis adds whole numbers exactly.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.contracts.access import Limits
from shared.contracts.jobs import JobRecord, iso
from shared.contracts.kinds import KIND_RULES
from shared.contracts.waits import WaitCode, Waits
from shared.errors import BatchTooLarge, LimitReached, QuotaExhausted, RateLimited, StorageFull, TooManyOpen

MIB = 2**20
#: Seconds of requests that a person may send at once.
BURST_S = 10.0
#: When to ask again where nobody knows when there is room: pictures expire, people delete them.
UNKNOWN_S = 3600
NO_LIMITS = Limits()
#: The codes of the limits that jobs meet, in the words of somebody whose batch waits for them.
_WORDS = {
    TooManyOpen.code: "as many of your jobs are unfinished as you may have at once",
    QuotaExhausted.code: "your GPU-seconds of today are used or reserved; there are more from midnight (UTC) on",
    StorageFull.code: "there is no room for more pictures of yours; it comes as old ones expire, or are deleted for good",
}
#: The limits that jobs meet.
MET_BY_JOBS = frozenset(_WORDS)


def day_of(now_ms: int) -> str:
    """The day (UTC) as keys name it."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d")


def midnight_after_ms(now_ms: int) -> int:
    """When the day (UTC) ends."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((today + timedelta(days=1)).timestamp() * 1000)


def burst_s(requests_per_s: float) -> float:
    """Seconds of requests that may come at once: ten, and never less than one request."""
    return max(BURST_S, 1 / requests_per_s)


def rate_limited(requests_per_s: float, wait_s: float, ahead_s: float, now_ms: int) -> RateLimited:
    """Too many requests a second; `ahead_s` of the burst are used."""
    return RateLimited(
        f"you may send {requests_per_s:g} requests a second here; the next one in {wait_s:.2f} s",
        retry_after_s=max(1, math.ceil(wait_s)),
        limit=requests_per_s,
        used=round(ahead_s * requests_per_s / burst_s(requests_per_s), 3),
        resets_at=iso(now_ms + math.ceil(wait_s * 1000)),
    )


@dataclass(frozen=True)
class Demand:
    """What is held against a person's limits before the first of some jobs is stored."""

    limits: Limits
    #: All those that stand and fall with the first, which are stored right after it: the steps of a chain.
    jobs: Sequence[JobRecord]


def in_lua(limits: Limits, jobs: Sequence[JobRecord]) -> str:
    """A demand as `quotas.lua` reads it (JSON); "": nothing is limited. The jobs have their costs."""
    if not all(KIND_RULES[job.kind].is_work for job in jobs):
        return ""
    makes_pictures = any(KIND_RULES[job.kind].makes_pictures for job in jobs)
    given = {
        "unfinished_jobs": limits.unfinished_jobs,
        "gpu_ms": None if limits.gpu_s_per_day is None else round(limits.gpu_s_per_day * 1000),
        "stored_bytes": limits.stored_mib * MIB if limits.stored_mib is not None and makes_pictures else None,
    }
    limited = {name: value for name, value in given.items() if value is not None}
    if not limited:
        return ""
    cost_ms = sum(round(job.cost_s * 1000) for job in jobs)
    return json.dumps(limited | {"jobs": len(jobs), "cost_ms": cost_ms})


def refusal(answer: Sequence[str], room_after_s: int) -> LimitReached:
    """What `quotas.lua` said, as an error.

    Args:
        answer: which limit, how much of it is used, the limit, what was asked for, and when it was asked (ms since 1970);
            GPU time in ms, pictures in bytes.
        room_after_s: when one of the person's jobs will probably have ended.
    """
    which, used, limit, asked, now_ms = answer[0], *(float(value) for value in answer[1:4]), int(answer[4])
    if which == "too_many_open":
        return TooManyOpen(
            f"you have {used:.0f} unfinished jobs, your limit is {limit:.0f}",
            retry_after_s=room_after_s,
            limit=limit,
            used=used,
            resets_at=iso(now_ms + room_after_s * 1000),
        )
    if which == "quota_exhausted":
        return _exhausted(used / 1000, limit / 1000, asked / 1000, now_ms)
    return storage_full(used, limit)


def storage_full(used_bytes: float, limit_bytes: float, asked_bytes: float = 0) -> StorageFull:
    """No room for more pictures of this person."""
    more = f", this one has {asked_bytes / MIB:.1f}" if asked_bytes else ""
    return StorageFull(
        f"pictures of {used_bytes / MIB:.1f} MiB are kept for you{more}, your limit is {limit_bytes / MIB:.0f} MiB: "
        "it has room again as they expire, or are deleted for good",
        retry_after_s=UNKNOWN_S,
        limit=limit_bytes / MIB,
        used=round(used_bytes / MIB, 3),
    )


def waits_for(code: str) -> Waits:
    """Why the members of a batch wait, by the limit that its person's jobs met."""
    return Waits(code=WaitCode.YOUR_LIMIT, message=f"your limit: {_WORDS.get(code, code)}")


def check_batch(members: int, steps: int, limits: Limits) -> None:
    """Refuse a batch that this person may not send, however long it waits.

    Raises:
        BatchTooLarge: too many members, or its chain alone has more jobs than may be unfinished at once.
    """
    most = limits.batch_members
    if most is not None and members > most:
        raise BatchTooLarge(
            f"your batches may have {most:,} members, this one has {members:,}: split it",
            retry_after_s=UNKNOWN_S,
            limit=most,
            used=members,
        )
    most = limits.unfinished_jobs
    if most is not None and steps > most:
        raise BatchTooLarge(
            f"you may have {most:,} unfinished jobs, the chain of one member has {steps:,}",
            field="steps",
            retry_after_s=UNKNOWN_S,
            limit=most,
            used=steps,
        )


def _exhausted(used_s: float, limit_s: float, asked_s: float, now_ms: int) -> QuotaExhausted:
    midnight_ms = midnight_after_ms(now_ms)
    asked = f"; this needs about {asked_s:.1f}" if asked_s else ""
    return QuotaExhausted(
        f"{used_s:.1f} of your {limit_s:g} GPU-seconds of today (UTC) are used or reserved{asked}",
        retry_after_s=max(1, math.ceil((midnight_ms - now_ms) / 1000)),
        limit=limit_s,
        used=round(used_s, 3),
        resets_at=iso(midnight_ms),
    )
