"""Who joins a run: seats are filled from what waits, and an urgent job takes one from somebody who can wait.

It decides by how the company will stand after the pass that is made just now (`Standing`), so that whoever follows one who
takes its last step is claimed, and what it needs is fetched, before the seat is free.
"""

import time
from collections.abc import Callable
from typing import Any

from shared.contracts.jobs import JobRecord
from shared.settings import Settings
from workers.execution.progress import Claim
from workers.execution.stepping.arrivals import Arrivals, Waiting
from workers.execution.stepping.company import Company
from workers.execution.stepping.members import is_suspect
from workers.execution.stepping.standing import Standing
from workers.execution.stepping.trades import TRADES

#: Who could not be taken is not asked for again so soon, unless somebody left or came: each time costs three calls of Redis.
VAIN_S = 0.25


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
        #: What was asked last, and nobody could be taken.
        self._in_vain: Any = None
        self._in_vain_until_s = 0.0

    def admit(self, waiting: Waiting) -> bool:
        """Take jobs, as far as there are seats; an urgent one takes a seat of somebody who can wait. Whether any came."""
        standing, before, now_s = self._company.standing, self._company.orders, self._clock()
        asked = (waiting.levels, waiting.own, standing, self._arrivals.may_go_on)
        if asked == self._in_vain and now_s < self._in_vain_until_s:
            return False
        self._admit(waiting)
        if self._company.orders > before:
            return True
        self._in_vain, self._in_vain_until_s = asked, now_s + VAIN_S
        return False

    def forget(self) -> None:
        """Who was there when somebody could not be taken."""
        self._in_vain = None

    def _admit(self, waiting: Waiting) -> None:
        for level in sorted({*waiting.levels, *waiting.own}):
            if not self._arrivals.may_go_on or self._company.standing.is_alone:
                return
            if level in waiting.own:
                self._take_own(level)
            if level not in waiting.levels:
                continue
            standing = self._company.standing
            if standing.free > 0:
                self._take_at(level, standing)
            elif standing.may_preempt(level):
                self._take_next(level)

    def _take_at(self, level: int, standing: Standing) -> None:
        """Fill free seats: of one size, unless nobody is at work or this is more urgent than all who are."""
        if not standing.holders or level < min(member.level for member in standing.holders):
            self._take_next(level)
            return
        first, free = min(standing.holders, key=lambda member: member.level).record, standing.free
        while free > 0 and (claim := self._arrivals.next_one(level, lambda job: self._may_join(first, job))):
            self.take_in_turn(claim)
            free = self._company.standing.free
        if free > 0 and self._clock() < self._peers_until_s:
            for claim in self._arrivals.peers(first, level, free, self._company.trade.takes):
                self._company.take(claim)

    def _take_own(self, level: int) -> None:
        """Steps of chains that wait for this worker, where they may join; whatever else waits there ends the turn."""

        def may_join(job: JobRecord) -> bool:
            is_ours = job.model == self._company.model and TRADES.get(job.kind) is self._company.trade
            holders = self._company.standing.holders
            return is_ours and (self._may_join(holders[0].record, job) if holders else self._company.trade.takes(job))

        while self._company.standing.free > 0:
            claim = self._arrivals.next_of_own(level, may_join)
            if claim is None:
                return
            self.take_in_turn(claim)

    def _take_next(self, level: int) -> None:
        claim = self._arrivals.next_one(level, self._company.trade.takes)
        if claim is not None:
            self.take_in_turn(claim)

    def take_in_turn(self, claim: Claim) -> None:
        """Others like it may join it for a while; then whoever is next must have its turn."""
        self._peers_until_s = self._clock() + self._settings.max_wait_s
        self._company.take(claim)

    def _may_join(self, first: JobRecord, other: JobRecord) -> bool:
        """Whether a job may share passes with one that runs: it goes with it, and nothing speaks against it."""
        return self._company.trade.may_join(first, other) and not is_suspect(other)
