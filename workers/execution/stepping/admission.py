"""Who joins a run: seats are filled from what waits, and an urgent job takes one from somebody who can wait."""

import time
from collections.abc import Callable

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord
from shared.contracts.passes import shared_by_pass
from shared.settings import Settings
from workers.execution.progress import Claim
from workers.execution.stepping.arrivals import Arrivals, Waiting
from workers.execution.stepping.company import Company
from workers.execution.stepping.members import is_suspect


class Admission:
    """Takes jobs into a company, as far as there are seats."""

    def __init__(
        self, company: Company, arrivals: Arrivals, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._company = company
        self._arrivals = arrivals
        self._settings = settings
        self._clock = clock
        self._peers_until_s = 0.0

    def admit(self, waiting: Waiting) -> None:
        """Take jobs, as far as there are seats; an urgent one takes a seat of somebody who can wait."""
        for level in waiting.levels:
            if not self._arrivals.may_go_on or self._company.alone is not None:
                return
            free = self._settings.max_batch - self._company.seated
            if free > 0:
                self._take_at(level, free)
            elif self._may_preempt(level):
                self._take_next(level)

    def _take_at(self, level: int, free: int) -> None:
        """Fill free seats: of one size, unless nobody is at work or this is more urgent than all who are."""
        at_work = self._company.at_work
        if not at_work or level < min(member.level for member in at_work):
            self._take_next(level)
            return
        first = at_work[0].claim
        while free > 0 and (claim := self._arrivals.next_one(level, lambda job: may_join(first.record, job))):
            self.take_in_turn(claim)
            free -= int(claim.record.params.get("n", 1))
        if free > 0 and self._clock() < self._peers_until_s:
            for claim in self._arrivals.peers(first, level, free):
                self._company.take(claim)

    def _take_next(self, level: int) -> None:
        claim = self._arrivals.next_one(level)
        if claim is not None:
            self.take_in_turn(claim)

    def take_in_turn(self, claim: Claim) -> None:
        """Others like it may join it for a while; then whoever is next must have its turn."""
        self._peers_until_s = self._clock() + self._settings.max_wait_s
        self._company.take(claim)

    def _may_preempt(self, level: int) -> bool:
        """Whether a job of this level may come although all seats are taken: somebody less urgent gives one up, nobody
        does so more than `MOST_PREEMPTED` times, and no more wait than there are seats."""
        beyond = self._company.seated - self._settings.max_batch
        able = any(m.seat_level > level and not m.is_paused for m in self._company.members)
        return able and beyond < self._settings.max_batch


def may_join(first: JobRecord, other: JobRecord) -> bool:
    """Whether a job may share passes with one that runs: of one size, and nothing speaks against it. Pure."""
    names = shared_by_pass(GenerationParams)
    is_alike = all(first.params.get(name) == other.params.get(name) for name in names)
    return is_alike and not is_suspect(other)
