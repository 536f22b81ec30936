"""The loop: one model's run, from the first job that comes to the last that leaves, a step at a time.

Between two passes, in this order: who is no longer wanted leaves; what waits in the queues is looked at, and who may joins;
samples are begun; the policy (`seats`) says who takes the step; the pass is made; one finished sample is decoded; what
is worth keeping is kept. Storing happens beside it all (`behind`).

A run must not sit on one Celery message for hours: after `TICKET_S` it gives its ticket back with its samples where they
are, and goes on with the next one (`Runner` sends it). It also gives way, in the same manner and within a step, to commands
and to more urgent work for another loaded model. Meanwhile `vigil` tells its members' records that they live. A process
that ends between two tickets, or whose worker will read no other, gives the jobs back, and they go on from their
checkpoints. So a worker that is about to stop keeps its ticket: nobody would read the next one.

Who broke a pass runs alone: what a pass raises concerns those who were in it, and nobody else.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from typing import Any

from shared.errors import DarkroomError, DeviceLost, NotFinite, OutOfVram
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
from workers.execution.stepping.arrivals import Arrivals, Waiting
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.company import Company
from workers.execution.stepping.finishing import Finishing
from workers.execution.stepping.keeping import Keeping
from workers.execution.stepping.members import Member
from workers.execution.stepping.pace import Pace
from workers.execution.stepping.room import PassRoom
from workers.execution.stepping.seats import Room, Seated, next_pass
from workers.execution.timing import Stopwatch

#: How long a run may hold one ticket.
TICKET_S = 60.0
#: How long to wait for a starting picture before members are told that all is well.
PULSE_S = 0.2
#: A message is on its way for a few milliseconds; who waits longer for the next one is paused.
SHORT_S = 1.0
#: Waits of `max_wait_s` after which somebody without a seat counts as more urgent by a level, as a queue does (`affinity`).
PROMOTE = 4.0
#: The least urgent level: there nobody minds how long a pass takes.
LEAST_LEVEL = 2


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
        self._arrivals = Arrivals(runtime, claiming, card.id, clock)
        self._admission = Admission(self._company, self._arrivals, runtime.settings, clock)
        self._keeping = Keeping(runtime, card, clock)
        self._pace = Pace(runtime.settings.slower_in_company)
        self._room = PassRoom(runtime, card, self._pace)
        self._finishing = Finishing(runtime, behind, card, lambda: self._busy_s)
        self._previous_key: Any = None
        self._busy_s = 0.0
        self._ticket_ends_s = 0.0
        self._at_work: list[Member] = []
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
            finally:
                self._stood_still_s = self._clock()

    def _go(self, first: Claim | None) -> None:
        self._arrivals.turn_begins()
        self._ticket_ends_s = self._clock() + TICKET_S
        if first is not None:
            self._admission.take_in_turn(first)
        try:
            while self.members and self._clock() < self._ticket_ends_s:
                if self._stretch():
                    break
        finally:
            if not self.members:
                self._behind.wait()

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
                member.pulse()
            self._company.drop_unwanted()
            if must_leave:
                self._keeping.settle()
                self._company.give_back()
            return bool(self.members)
        finally:
            self._in_hand.release()

    def leave(self) -> None:
        """The process ends: what is made is stored, whoever is under way goes back."""
        with self._in_hand:
            self._behind.wait()
            self._keeping.settle()
            self._company.give_back()

    def _stretch(self) -> bool:
        """As long as the model has the memory it was given; whether somebody else's turn has come."""
        loading = Stopwatch(self._clock)
        was_loaded = any(resident.model == self.card.id for resident in self._runtime.residency.residents())
        most = self._company.trade.most_seats(self._runtime.settings)
        seats = most if self._arrivals.look().wants_seats else min(most, self._company.seated)
        shape = self._room.begin(self.members, seats=seats)
        self._company.seats = self._company.trade.seats_in(shape, self._runtime.settings)
        if not was_loaded:
            self._company.loads()

        def steps(engine: Any, threads: int) -> bool:
            if not was_loaded and self._finishing.load_ms is None:
                self._finishing.load_ms = loading.timings().loading_ms
            return self._steps(engine, threads)

        try:
            return with_engine(
                self._runtime, self._company, loading, self.card, shape, steps, used=lambda: self._room.used
            )
        except Exception as exc:
            self._broke(exc)
            return False

    def _steps(self, engine: Stepping, threads: int) -> bool:
        """See `_stretch`."""
        if isinstance(engine, HoldsSeats):
            engine.has_room_for(self._room.reserved.batch)
        for member in self.members:
            member.goes_on_in(self._runtime.plans.of(self.card).precision)
        try:
            while True:
                self._company.drop_unwanted()
                waiting = self._arrivals.look()
                if not self.members and not waiting.levels:
                    return False
                if self._must_give_way(waiting):
                    self._keeping.keep_all(engine, self.members)
                    return True
                if self._room.may_grow and self._wants_more_room(waiting):
                    return False  # the next stretch has it
                self._admission.admit(waiting)
                if not all(map(self._room.fits, self.members)):
                    return False  # the next stretch has room for it
                self._begin(engine)
                chosen = self._next_pass()
                if chosen:
                    self._pass(engine, chosen)
                elif not self._wait_for_pictures():
                    return False
                self._decode_one(engine, threads)
                self._keeping.look(engine, self.members, at_once=waiting.is_leaving)
        finally:
            engine.rest()

    # -- who is there ------------------------------------------------------------------------------------------------

    def _must_give_way(self, waiting: Waiting) -> bool:
        """Whether the ticket's time is up, a command waits, or something more urgent for another loaded model."""
        if waiting.is_leaving:
            return False
        if self._clock() >= self._ticket_ends_s or waiting.has_command:
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

    # -- steps -------------------------------------------------------------------------------------------------------

    def _begin(self, engine: Stepping) -> None:
        """Samples of those who have come: one job a time, so that nobody waits for many to be encoded."""
        begun = [member for member in self.members if member.is_begun]
        for member in self.members:
            if member.is_begun or not member.work.done():
                continue
            if begun and (member.must_be_alone or any(other.must_be_alone for other in begun)):
                continue
            self._at_work = [member]
            began_s = self._clock()
            member.stopwatch.start("running")
            member.began_with = (self._runtime.gpu_now(), self._busy_s)
            try:
                samples = self._keeping.resumed(engine, member) or engine.begin(member.work.result(), member.watch)
            except DarkroomError as exc:
                may_pass = isinstance(exc, OutOfVram | NotFinite)
                if may_pass and len(self.members) == 1:
                    raise  # the ladder may help
                self._company.fail([member], exc, in_batch=2 if may_pass else 1)
                return
            member.begin(samples)
            member.precision = self._runtime.plans.of(self.card).precision
            member.spent_s += self._spend(began_s)
            return

    def _next_pass(self) -> list[tuple[Member, Any]]:
        """Those who take the next step."""
        there = [(m, s) for m in self.members if m.is_begun for s in m.samples if not s.is_done]
        now_s = self._clock()
        most_s = self._runtime.settings.max_wait_s
        seated = []
        for member, sample in there:
            waited_s = now_s - member.last_step_s
            level = max(0, member.seat_level - int(waited_s / (PROMOTE * most_s)))
            seated.append(Seated(sample.key, sample.rows, level, member.order, waited_s))

        def room(lead: Seated) -> Room:
            member, sample = there[next(i for i, each in enumerate(seated) if each is lead)]
            return self._room.of(sample, member, stays_quick=member.level < LEAST_LEVEL)

        places = next_pass(seated, self._previous_key, room, most_s)
        return [there[place] for place in places]

    def _pass(self, engine: Stepping, chosen: Sequence[tuple[Member, Any]]) -> None:
        samples = [sample for _, sample in chosen]
        key, rows = samples[0].key, sum(sample.rows for sample in samples)
        self._at_work = list(dict.fromkeys(member for member, _ in chosen))
        is_measured = self._pace.wants(key, rows)
        began_s = self._clock()
        try:
            if is_measured:
                engine.settle()
                self._spend(began_s)
                began_s = self._clock()
            engine.step(samples)
            if is_measured:
                engine.settle()
        except OutOfVram:
            if len(samples) == 1:
                raise
            self._pace.halve(key, len(samples))
            for member in self._at_work:
                member.watch.degrade("batch_split")
            return
        took_s = self._spend(began_s)
        if is_measured:
            self._pace.learn(key, rows, took_s)
        self._previous_key = key
        self._room.note_use(chosen[0][0].shape, len(samples))
        for member, sample in chosen:
            member.spent_s += took_s * sample.rows / rows
            member.last_step_s = self._clock()
        for member in self._at_work:
            member.tell_step(engine)
        self._tell_others(min(member.seat_level for member in self._at_work))

    def _tell_others(self, level: int) -> None:
        """Who has begun and gave its seat to somebody more urgent is paused; the others are alive."""
        for member in self.members:
            has_given_way = member.is_begun and not member.is_made and member.seat_level > level
            if member in self._at_work or not has_given_way or member.is_paused:
                member.pulse()
            else:
                member.preempted += 1
                member.pause()

    def _wait_for_pictures(self) -> bool:
        """Until a starting picture is there; whether anybody waits for one, or for its pictures to be decoded."""
        self._company.pulse()
        if any(member.is_made for member in self.members):
            return True
        coming = [member.work for member in self.members if not member.is_begun]
        if not any(future.done() for future in coming):
            wait(coming, timeout=PULSE_S, return_when="FIRST_COMPLETED")
        return bool(self.members)

    def _decode_one(self, engine: Stepping, threads: int) -> None:
        """One picture that took its last step, the most urgent one; with its job's last one the job is made."""
        done = [member for member in self.members if member.undecoded is not None]
        member = min(done, key=lambda m: (m.level, m.order), default=None)
        if member is None or (place := member.undecoded) is None:
            return
        self._at_work = [member]
        began_s = self._clock()
        try:
            self._finishing.decode(engine, member, place)
        except DarkroomError as exc:
            may_pass = isinstance(exc, OutOfVram | NotFinite)
            if may_pass and len(self.members) == 1:
                member.restart()
                raise  # the ladder may help
            self._company.fail([member], exc, in_batch=2 if may_pass else 1)
            return
        member.spent_s += self._spend(began_s)
        if len(member.pictures) == len(member.samples):
            self.members.remove(member)
            self._finishing.hand_over(engine, member, threads)

    def _spend(self, since_s: float) -> float:
        took_s = self._clock() - since_s
        self._busy_s += took_s
        return took_s

    def _broke(self, why: Exception) -> None:
        """A pass, a beginning or a loading did not come to its end: whose fault that is decides what becomes of whom."""
        concerned = [member for member in self._at_work if member in self.members] or self._room.largest(self.members)
        self._at_work = []
        if device_lost.is_device_lost(why):
            lost = DeviceLost(device_lost.what_was_said(why))
            self._company.lose(lost)
            raise lost from why
        if not isinstance(why, DarkroomError):
            logger().error("engine.failed", exc_info=why)
            why = engine_failed(why)
        self._company.fail(concerned, why, in_batch=len(concerned))
