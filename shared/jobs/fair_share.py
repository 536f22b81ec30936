"""Who is next when people share GPUs: start-time fair queueing over GPU-seconds by weight. Pure; `lua/shares.lua` does the same.

A person's *tag* is what they were given so far, over all queues, in GPU-seconds divided by their weight. Of those who have
a ready job in a queue, the one with the least tag is next, and who has waited longest among equals. A start charges the
estimate, the end puts what was measured in its place, a lost attempt is paid back.

Two things keep the past from counting for ever. Who comes back from having nothing to do starts at the *clock*, the least
tag there was when somebody was last served: idleness saves nothing up. And people who have work all the time, but only
for GPUs that are busy anyway, fall behind those who use GPUs that they cannot use; what they are owed for that is
bounded by the *horizon*, for all of them alike, so that nothing changes among them.

A person whom a queue passed over for `PATIENCE` × max_wait_s × the people there goes first whatever the tag: nobody starves
for a small weight, and such turns take a small part of the time (see `test_fair_share`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

#: GPU-seconds by weight. Larger than what the reader's own bounds can put between people who do compete (a turn with one
#: model, on a few GPUs at once), and small beside the ten minutes over which shares are promised. Also in shares.lua.
HORIZON_S = 300.0
#: Waits of max_wait_s, per person who waits in the same queue.
PATIENCE = 20.0


@dataclass(frozen=True)
class Tags:
    """What everybody was given, at one moment."""

    #: The least tag there was when somebody was last served.
    clock: float = 0.0
    #: Person → tag, of those with ready jobs.
    active: Mapping[str, float] = field(default_factory=dict)
    #: The same of those without.
    idle: Mapping[str, float] = field(default_factory=dict)

    def of(self, person: str) -> float:
        """Where a person stands."""
        if person in self.active:
            return self.active[person]
        return max(self.idle.get(person, 0.0), self.clock)

    def woken(self, person: str) -> "Tags":
        """A person without ready jobs has one now."""
        idle = {name: tag for name, tag in self.idle.items() if name != person}
        return replace(self, active={**self.active, person: self.of(person)}, idle=idle)

    def rested(self, person: str) -> "Tags":
        """A person's last ready job is gone."""
        active = {name: tag for name, tag in self.active.items() if name != person}
        return replace(self, active=active)._with(person, self.active[person])

    def charged(self, person: str, cost_s: float, weight: float) -> "Tags":
        """A job of this person starts."""
        tag = self.of(person)
        moved = replace(self, clock=max(self.clock, min([tag, *self.active.values()])))
        if person in self.active:
            moved = moved._without_old_debts(tag)
        return moved._with(person, tag + cost_s / weight)

    def settled(self, person: str, cost_s: float, spent_s: float, weight: float) -> "Tags":
        """An attempt is over that was charged with `cost_s` and took `spent_s`; 0: it went back."""
        tag = self.active.get(person, self.idle.get(person, self.of(person)))
        return self._with(person, tag + (spent_s - cost_s) / weight)

    def _with(self, person: str, tag: float) -> "Tags":
        if person in self.active:
            return replace(self, active={**self.active, person: tag})
        idle = {name: other for name, other in self.idle.items() if name != person}
        return replace(self, idle={**idle, person: tag} if tag > self.clock else idle)

    def _without_old_debts(self, tag: float) -> "Tags":
        below = [other for other in self.active.values() if other < tag]
        excess = tag - max(below) - HORIZON_S if below else 0.0
        if excess < HORIZON_S / 10:
            return self
        return replace(
            self, active={name: other + excess if other < tag else other for name, other in self.active.items()}
        )


@dataclass(frozen=True)
class Sharer:
    """A person with ready jobs in one queue."""

    person: str
    #: See `Tags`.
    tag: float
    #: Since when (ms) the queue has not served them: their last start there, or their first job's arrival.
    since_ms: float


def next_of(sharers: Iterable[Sharer], now_ms: float, max_wait_s: float) -> Sharer | None:
    """Whose job is taken next; None where nobody has one."""
    waiting = sorted(sharers, key=lambda sharer: (sharer.since_ms, sharer.person))
    if not waiting:
        return None
    if len(waiting) > 1 and now_ms - waiting[0].since_ms > PATIENCE * max_wait_s * 1000 * len(waiting):
        return waiting[0]
    return min(waiting, key=lambda sharer: sharer.tag)


@dataclass(frozen=True)
class Standing:
    """A person's ready jobs in one queue, as a forecast needs them."""

    person: str
    tag: float
    jobs: int
    #: GPU-seconds by weight that each of them is charged, by the foremost one.
    charge_s: float


def expected_ahead(mine: Standing, before_it: int, others: Iterable[Standing]) -> int:
    """How many jobs of a queue will be taken before one, if nobody sends another: its person's own that stand before it, and of
    each other person those whose turn comes before its turn.

    Args:
        mine: its person.
        before_it: jobs of that person that go before it.
    """
    turn = mine.tag + before_it * mine.charge_s
    return before_it + sum(_before(turn, other) for other in others if other.person != mine.person)


def _before(turn: float, other: Standing) -> int:
    if other.tag >= turn:
        return 0
    if other.charge_s <= 0:
        return other.jobs
    return min(other.jobs, math.ceil((turn - other.tag) / other.charge_s))


def parts(costs: Sequence[float]) -> list[float]:
    """Each job's part of the time of their GPU batch, by what they were expected to cost; they add up to 1. Pure."""
    whole = sum(costs)
    return [cost / whole for cost in costs] if whole else [1 / len(costs)] * len(costs)
