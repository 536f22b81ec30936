"""Whose members are fed next: callers take turns, then the batches of a caller. Pure.

A window bounds how many members are under way at once, because what waits in a queue is served in its order: the
smaller the window, the sooner a newcomer's turn. It must be large enough to keep every worker busy between two looks.
Each caller has an equal share of it, so a newcomer never waits for another one's thousands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: Members per picture a worker can make at once: those it works on, those that fill its next GPU batch, and as much again
#: for the time between two looks.
PER_JOB = 4
#: Members per analysis a worker can hold: the batch it works on and the next. Such batches are four times larger; more of
#: them would make a newcomer wait.
PER_ANALYSIS = 2


@dataclass(frozen=True)
class Load:
    """One batch that is under way."""

    batch: str
    caller: str
    waiting: int
    active: int


def window_for(workers: int, max_batch: int, least: int, max_analysis_batch: int = 0) -> int:
    """How many members may be under way at once."""
    return max(least, PER_JOB * workers * max_batch, PER_ANALYSIS * workers * max_analysis_batch)


def turns(loads: Sequence[Load], window: int) -> dict[str, int]:
    """Batch → how many of its waiting members to feed now."""
    callers = {load.caller for load in loads if load.waiting or load.active}
    if not callers:
        return {}
    share = math.ceil(window / len(callers))
    fed: dict[str, int] = {}
    for caller in sorted(callers):
        own = [load for load in loads if load.caller == caller]
        room = share - sum(load.active for load in own)
        fed |= _levelled(own, room)
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
