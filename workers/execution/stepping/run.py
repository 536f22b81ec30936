"""The loop: one model's run, from the first job that comes to the last that leaves, a step at a time.

Between two passes, in this order: what waits in the queues is heard, and who was claimed meanwhile comes in (`ahead`); who is
no longer wanted leaves; a job is begun; the policy (`seats`) says who takes the step; the pass is made; one finished sample
is decoded (`passes`); what is worth keeping is kept. The steps wait for no word of Redis: looks and claims are made while a
pass is, and beside it what a job begins with is fetched (`fetching`), progress and words are told (`telling`), checkpoints are
written (`keeping`); storing happens behind it all (`behind`). Three waits are left: whoever leaves early, called off or failed,
has its end written before the next pass; what is made waits where `behind` has no room; and a stretch begins and ends with a
few words of Redis. (For an answer that is late a boundary waits `ahead.PATIENCE_S` at most.)

A run must not sit on one Celery message for hours: after `TICKET_S` it gives its ticket back with its samples where they
are, and goes on with the next one (`Runner` sends it). It also gives way, in the same manner and within a step, to commands
and to more urgent work for another loaded model or in its worker's own queue. Meanwhile `vigil` tells its members' records
that they live. A process that ends between two tickets, or whose worker will read no other, gives the jobs back, and they
go on from their checkpoints. So a worker that is about to stop keeps its ticket: nobody would read the next one.

Who broke a pass runs alone: what a pass raises concerns those who were in it, and nobody else.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from shared.errors import DarkroomError, DeviceLost
from shared.jobs.chains import Chains
from shared.log import logger
from shared.models.catalogue import ModelCard
from workers.engines.stepping import HoldsSeats, Stepping
from workers.engines.torch_tools import device_lost
from workers.execution.claiming import Claiming
from workers.execution.endings import engine_failed
from workers.execution.kinds.base import with_engine
from workers.execution.progress import Claim
from workers.execution.runtime import Runtime
from workers.execution.stepping.admission import Admission
from workers.execution.stepping.ahead import Ahead
from workers.execution.stepping.arrivals import Arrivals, Waiting
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.company import Company
from workers.execution.stepping.keeping import Keeping
from workers.execution.stepping.members import Member
from workers.execution.stepping.passes import Passes, leaving_with
from workers.execution.timing import Stopwatch

#: How long a run may hold one ticket.
TICKET_S = 60.0
#: A message is on its way for a few milliseconds; who waits longer for the next one is paused.
SHORT_S = 1.0


class SteppingRun:
    """What one model has under way on this worker."""

    def __init__(
        self,
        runtime: Runtime,
        claiming: Claiming,
        chains: Chains,
        behind: Behind,
        card: ModelCard,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.card = card
        self._runtime = runtime
        self._behind = behind
        self._clock = clock
        self._company = Company(runtime, chains, card, clock)
        arrivals = Arrivals(runtime, claiming, card.id, self._company.held, clock)
        self._admission = Admission(self._company, arrivals, runtime.settings, clock)
        self._ahead = Ahead(self._company, arrivals, self._admission, clock)
        self._waiting = Waiting()
        self._keeping = Keeping(runtime, card, clock)
        self._passes = Passes(runtime, card, self._company, self._keeping, behind, clock)
        self._room = self._passes.room
        self._ticket_ends_s = 0.0
        #: Whether anything was done on this ticket.
        self._has_gone_on = False
        self._stood_still_s = 0.0
        #: Held by whoever has the members in hand: a ticket, or the vigil between two.
        self._in_hand = threading.Lock()

    @property
    def members(self) -> list[Member]:
        """Jobs whose pictures are not made yet."""
        return self._company.members

    # -- one ticket --------------------------------------------------------------------------------------------------

    def go(self, first: Claim | None) -> None:
        """Work until all is done, or for as long as a ticket lasts, or until something else comes first.

        `members` says who is under way still; everything that was finished is stored.

        Args:
            first: a job that was claimed for it.

        Raises:
            DeviceLost: the GPU is gone; nobody is under way any more.
        """
        with self._in_hand:
            try:
                self._go(first)
            except DeviceLost:
                raise
            except Exception as exc:
                self._broke_outside(exc)
            finally:
                if not self.members:
                    self._behind.wait()
                    self._forget()
                self._stood_still_s = self._clock()

    def _go(self, first: Claim | None) -> None:
        self._ahead.turn_begins()
        self._ticket_ends_s, self._has_gone_on = self._clock() + TICKET_S, False
        if first is not None:
            self._admission.take_in_turn(first)
            self._company.come_in()
        while self.members and self._clock() < self._ticket_ends_s:
            if self._stretch():
                break

    def _forget(self) -> None:
        """Nobody is under way: nothing is kept of those who were, their latents least of all."""
        self._passes.on_card = []
        self._company.forget()
        self._admission.forget()
        self._keeping.forget()

    def tend(self, *, must_leave: bool) -> bool:
        """Between two tickets: members are paused, and told to be alive; whose end is written meanwhile leaves.

        Args:
            must_leave: the worker will read no other ticket: they go back, and on from their checkpoints elsewhere.

        Returns whether it waits for a ticket now.
        """
        if not self._in_hand.acquire(blocking=False):
            return False
        try:
            waits_long = self._clock() - self._stood_still_s > SHORT_S
            for member in self.members:
                if waits_long and member.is_begun:
                    member.pause()
                member.hear()
            self._company.drop_unwanted()
            if must_leave:
                self._keeping.settle()
                self._company.give_back()
            if not self.members:
                self._forget()
            return bool(self.members)
        finally:
            self._in_hand.release()

    def leave(self) -> None:
        """The process ends: what is made is stored, whoever is under way goes back."""
        with self._in_hand:
            self._behind.wait()
            self._keeping.settle()
            self._company.give_back()
            self._forget()

    def _stretch(self) -> bool:
        """As long as the model has the memory it was given; whether somebody else's turn has come."""
        self._passes.on_card = []  # what happens before anybody is at work is nobody's of the stretch before
        try:
            return self._with_room()
        except Exception as exc:
            self._broke(exc)
            return False

    def _with_room(self) -> bool:
        """See `_stretch`."""
        loading = Stopwatch(self._clock)
        was_loaded = any(resident.model == self.card.id for resident in self._runtime.residency.residents())
        most = self._company.trade.most_seats(self._runtime.settings)
        seats = most if self._ahead.latest().wants_seats else min(most, self._company.seated)
        shape = self._room.begin(self.members, seats=seats)
        self._company.stretch_begins(self._company.trade.seats_in(shape, self._runtime.settings))
        if not was_loaded:
            self._company.loads()

        def steps(engine: Any, threads: int) -> bool:
            if not was_loaded and self._passes.finishing.load_ms is None:
                self._passes.finishing.load_ms = loading.timings().loading_ms
            return self._steps(engine, threads)

        return with_engine(self._runtime, self._company, loading, self.card, shape, steps, used=lambda: self._room.used)

    def _steps(self, engine: Stepping, threads: int) -> bool:
        """See `_stretch`."""
        if isinstance(engine, HoldsSeats):
            engine.has_room_for(self._room.reserved.batch)
        for member in self.members:
            member.goes_on_in(self._runtime.plans.of(self.card).precision)
        self._ahead.open()
        try:
            while (is_over := self._between_passes(engine)) is None:
                chosen = self._passes.choose()
                leaving = leaving_with(chosen)
                self._company.pass_begins(leaving)
                if chosen:
                    self._ahead.pass_begins(leaves=bool(leaving))
                    self._passes.make(engine, chosen)
                elif not self._company.wait_for_pictures():
                    return False
                self._passes.decode(engine, threads)
                self._keeping.look(engine, self.members, at_once=self._waiting.is_leaving)
                self._has_gone_on = True
            return is_over
        finally:
            self._ahead.close()
            engine.rest()

    def _between_passes(self, engine: Stepping) -> bool | None:
        """Who is unwanted leaves, who has come begins; None: the next pass may be made, else what `_stretch` returns."""
        self._waiting = self._ahead.answer()
        self._company.come_in()
        self._company.drop_unwanted(self._waiting.unwanted)
        if not self.members and not self._has_anybody_come():
            return False
        if self._must_give_way(self._waiting):
            self._keeping.keep_all(engine, self.members)
            return True
        if self._room.may_grow and self._wants_more_room(self._ahead.left_waiting()):
            return False  # the next stretch has it
        if not all(map(self._room.fits, self.members)):
            return False  # the next stretch has room for it
        self._passes.begin(engine)
        return None

    def _has_anybody_come(self) -> bool:
        """Nobody is left; whoever waits now may still join."""
        self._waiting = self._ahead.settled()
        self._company.come_in()
        return bool(self.members)

    # -- who is there ------------------------------------------------------------------------------------------------

    def _must_give_way(self, waiting: Waiting) -> bool:
        """Whether the ticket's time is up, a command waits, or something more urgent for another loaded model. A ticket is good
        for a pass at least: the message of what waits may be lost, and tickets would come and go meanwhile."""
        if waiting.is_leaving:
            return False
        if self._clock() >= self._ticket_ends_s:
            return True
        if not self._has_gone_on:
            return False
        if waiting.has_command:
            return True
        urgent = min((member.seat_level for member in self.members), default=None)
        if waiting.elsewhere is None or (urgent is not None and waiting.elsewhere >= urgent):
            return False
        for member in self.members:
            member.preempted += member.is_begun and not member.is_paused
        return True

    def _wants_more_room(self, waiting: Waiting) -> bool:
        """Whether somebody is here, or waits, for whom this stretch was given no room."""
        is_full = self._company.seated >= self._company.seats
        return self._company.seated > self._room.reserved.batch or (is_full and waiting.wants_seats)

    def _broke(self, why: Exception) -> None:
        """A pass, a beginning or a loading did not come to its end: whose fault that is decides what becomes of whom."""
        on_card = [member for member in self._passes.on_card if member in self.members]
        concerned = on_card or self._room.largest(self.members)
        self._passes.on_card = []
        if device_lost.is_device_lost(why):
            lost = DeviceLost(device_lost.what_was_said(why))
            self._company.lose(lost, concerned)
            raise lost from why
        if not isinstance(why, DarkroomError):
            logger().error("engine.failed", exc_info=why)
            why = engine_failed(why)
        self._company.fail(concerned, why, in_batch=len(concerned))

    def _broke_outside(self, why: Exception) -> None:
        """It was at nobody's pass, and may be anybody's fault; nobody is to be held for ever."""
        logger().error("run.broke", model=self.card.id, exc_info=why)
        self._company.come_in()
        error = why if isinstance(why, DarkroomError) else engine_failed(why)
        self._company.fail(self.members, error, in_batch=len(self.members))
