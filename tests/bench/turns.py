"""Whose job a simulated queue gives next: the shipped policy against first come first served and against people in turn."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from shared.jobs.fair_share import Sharer, Tags, next_of
from tests.bench.sim_jobs import Job

#: Person → their waiting jobs in one queue, in order of arrival.
Waiting = Mapping[str, deque[Job]]


class Turns(Protocol):
    """Chooses inside a queue and keeps account."""

    def next_person(self, queue: str, waiting: Waiting, now_s: float) -> str:
        """Whose first job is taken."""
        ...

    def line(self, queue: str, waiting: Waiting) -> tuple[float, float]:
        """What the reader sees of a queue: since when (s) somebody waits, and the least tag of its people."""
        ...

    def came(self, person: str) -> None:
        """A person who had none has a waiting job now."""
        ...

    def rested(self, person: str) -> None:
        """A person's last waiting job was taken."""
        ...

    def started(self, queue: str, one: Job, now_s: float, cost_s: float) -> None:
        """A job was taken; it is expected to cost so many GPU-seconds."""
        ...

    def ended(self, one: Job, cost_s: float, took_s: float) -> None:
        """It took so many."""
        ...


class FirstCome:
    """The oldest job, whoever sent it."""

    def next_person(self, queue: str, waiting: Waiting, now_s: float) -> str:
        return min(waiting, key=lambda person: waiting[person][0].arrival_s)

    def line(self, queue: str, waiting: Waiting) -> tuple[float, float]:
        return min(jobs[0].arrival_s for jobs in waiting.values()), 0.0

    def came(self, person: str) -> None: ...

    def rested(self, person: str) -> None: ...

    def started(self, queue: str, one: Job, now_s: float, cost_s: float) -> None: ...

    def ended(self, one: Job, cost_s: float, took_s: float) -> None: ...


class InTurn(FirstCome):
    """People one after the other, a job each, whatever it costs."""

    def __init__(self) -> None:
        self._last_s: dict[tuple[str, str], float] = {}

    def next_person(self, queue: str, waiting: Waiting, now_s: float) -> str:
        return min(waiting, key=lambda person: (self._last_s.get((queue, person), -1.0), person))

    def started(self, queue: str, one: Job, now_s: float, cost_s: float) -> None:
        self._last_s[queue, one.person] = now_s


class ByShare(FirstCome):
    """As shipped."""

    def __init__(self, max_wait_s: float) -> None:
        self._max_wait_s = max_wait_s
        self._tags = Tags()
        self._since_s: dict[tuple[str, str], float] = {}

    def next_person(self, queue: str, waiting: Waiting, now_s: float) -> str:
        sharers = [
            Sharer(person, self._tags.of(person), 1000 * self._waits_since(queue, person, jobs))
            for person, jobs in waiting.items()
        ]
        chosen = next_of(sharers, 1000 * now_s, self._max_wait_s)
        assert chosen is not None
        return chosen.person

    def line(self, queue: str, waiting: Waiting) -> tuple[float, float]:
        since_s = min(self._waits_since(queue, person, jobs) for person, jobs in waiting.items())
        return since_s, min(self._tags.of(person) for person in waiting)

    def came(self, person: str) -> None:
        self._tags = self._tags.woken(person)

    def rested(self, person: str) -> None:
        self._tags = self._tags.rested(person)

    def started(self, queue: str, one: Job, now_s: float, cost_s: float) -> None:
        self._tags = self._tags.charged(one.person, cost_s, one.weight)
        self._since_s[queue, one.person] = now_s

    def ended(self, one: Job, cost_s: float, took_s: float) -> None:
        self._tags = self._tags.settled(one.person, cost_s, took_s, one.weight)

    def _waits_since(self, queue: str, person: str, jobs: deque[Job]) -> float:
        return max(jobs[0].arrival_s, self._since_s.get((queue, person), 0.0))


#: Given max_wait_s.
TURNS: dict[str, Callable[[float], Turns]] = {
    "first come": lambda max_wait_s: FirstCome(),
    "in turn": lambda max_wait_s: InTurn(),
    "by share": ByShare,
}
