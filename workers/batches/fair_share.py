"""Whose members are fed next: each person has a window of their own, and its batches take turns at it. Pure.

A window bounds how many members are under way at once. It must be large enough to keep every worker busy between two looks,
also where its person is the only one with work; more would only make a batch slow to cancel. Who of several people is
served is not decided here: what is fed waits in the queues, and there the shares decide, of batches as of single jobs
(`shared.jobs.fair_share`). So nobody's window is smaller because others have batches too, and nobody waits for another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: Members per picture a worker can make at once: those it works on, those that fill its next GPU batch, and as much again
#: for the time between two looks.
PER_JOB = 4
#: Members per analysis a worker can hold: the batch it works on and the next. Such batches are four times larger.
PER_ANALYSIS = 2


@dataclass(frozen=True)
class Load:
    """One batch that is under way."""

    batch: str
    caller: str
    waiting: int
    active: int


def window_for(workers: int, max_batch: int, least: int, max_analysis_batch: int = 0) -> int:
    """How many members of one person may be under way at once."""
    return max(least, PER_JOB * workers * max_batch, PER_ANALYSIS * workers * max_analysis_batch)


def turns(loads: Sequence[Load], window: int) -> dict[str, int]:
    """Batch → how many of its waiting members to feed now."""
    fed: dict[str, int] = {}
    for caller in sorted({load.caller for load in loads}):
        own = [load for load in loads if load.caller == caller]
        fed |= _levelled(own, window - sum(load.active for load in own))
    return {batch: count for batch, count in fed.items() if count}


def _levelled(loads: Sequence[Load], room: int) -> dict[str, int]:
    """Give each next place to the batch with the fewest members under way; the oldest where they are equal."""
    fed = {load.batch: 0 for load in loads}
    for _ in range(max(0, room)):
        hungry = [load for load in loads if load.waiting > fed[load.batch]]
        if not hungry:
            break
        next_one = min(hungry, key=lambda load: load.active + fed[load.batch])
        fed[next_one.batch] += 1
    return fed


def interleaved(rows: Sequence[Sequence[T]]) -> list[T]:
    """One of each row in turn."""
    longest = max((len(row) for row in rows), default=0)
    return [row[place] for place in range(longest) for row in rows if place < len(row)]
