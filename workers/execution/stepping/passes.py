"""What the card does between two looks at the queues: a job begins, a pass is made, a finished picture is decoded.

All of it is the card's own time (`busy_s`), which is shared out among those whose it was (`Member.spent_s`). What it is at
when something breaks stands in `on_card`: whose fault that is, the run decides.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from shared.errors import DarkroomError, NotFinite, OutOfVram
from shared.jobs.routing import LEAST_LEVEL, PROMOTE
from shared.models.catalogue import ModelCard
from workers.engines.stepping import Stepping
from workers.engines.torch_tools.device_lost import raise_if_lost
from workers.execution.runtime import Runtime
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.company import Company
from workers.execution.stepping.finishing import Finishing
from workers.execution.stepping.keeping import Keeping
from workers.execution.stepping.members import Member
from workers.execution.stepping.pace import Pace
from workers.execution.stepping.room import PassRoom
from workers.execution.stepping.seats import OVERTAKES, Room, Seated, next_pass, overtakes


class Passes:
    """The card's work for one run."""

    def __init__(
        self,
        runtime: Runtime,
        card: ModelCard,
        company: Company,
        keeping: Keeping,
        behind: Behind,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._card = card
        self._company = company
        self._keeping = keeping
        self._clock = clock
        self._pace = Pace(runtime.settings.slower_in_company)
        self.room = PassRoom(runtime, card, self._pace)
        self.finishing = Finishing(runtime, behind, card, lambda: self.busy_s)
        #: Whom the card is, or was last, at work for.
        self.on_card: list[Member] = []
        #: Seconds of its work so far.
        self.busy_s = 0.0
        self._previous_key: Any = None
        #: Passes in a row in which somebody went before an older one.
        self._overtaken = 0

    def begin(self, engine: Stepping) -> None:
        """Samples of one who has come, the most urgent one: one job a time, so that nobody waits for many to be encoded."""
        begun = [member for member in self._company.members if member.is_begun]
        for member in sorted(self._company.members, key=lambda m: (m.seat_level, m.order)):
            if member.is_begun or not member.work.done():
                continue
            if begun and (member.must_be_alone or any(other.must_be_alone for other in begun)):
                continue
            self._work_for([member])
            began_s = self._clock()
            member.stopwatch.start("running")
            member.began_with = (self._runtime.gpu_now(), self.busy_s)
            try:
                samples = self._keeping.resumed(engine, member) or engine.begin(member.work.result(), member.watch)
            except DarkroomError as exc:
                raise_if_lost(exc)
                member.spent_s += self._spend(began_s)
                may_pass = isinstance(exc, OutOfVram | NotFinite)
                if may_pass and not begun:
                    raise  # the ladder may help
                self._company.fail([member], exc, in_batch=2 if may_pass else 1)
                return
            member.begin(samples)
            member.precision = self._runtime.plans.of(self._card).precision
            member.spent_s += self._spend(began_s)
            return

    def choose(self) -> list[tuple[Member, Any]]:
        """Those who take the next step; empty: there are none."""
        there = [(m, s) for m in self._company.members if m.is_begun for s in m.samples if not s.is_done]
        now_s = self._clock()
        most_s = self._runtime.settings.max_wait_s
        seated = []
        for member, sample in there:
            waited_s = now_s - member.last_step_s
            level = max(0, member.seat_level - int(waited_s / (PROMOTE * most_s)))
            left = sample.steps - sample.step
            seated.append(Seated(sample.key, sample.rows, level, member.order, waited_s, left))

        def room(lead: Seated) -> Room:
            member, sample = there[next(i for i, each in enumerate(seated) if each is lead)]
            able = [(other, each) for other, each in there if each.key == sample.key]
            shape = replace(member.shape, is_guided=any(other.shape.is_guided for other, _ in able))
            # On the least urgent level nobody minds how long a pass takes.
            stays_quick = any(other.level < LEAST_LEVEL for other, _ in able)
            return self.room.of(sample, shape, {each.rows for _, each in able} if stays_quick else ())

        by_age = self._overtaken >= OVERTAKES
        places = next_pass(seated, self._previous_key, room, most_s, by_age=by_age)
        self._overtaken = self._overtaken + 1 if not by_age and overtakes(seated, places) else 0
        return [there[place] for place in places]

    def make(self, engine: Stepping, chosen: Sequence[tuple[Member, Any]]) -> None:
        """One pass. Raises as `Stepping.step`, where fewer at once would not help."""
        samples = [sample for _, sample in chosen]
        key, rows = samples[0].key, sum(sample.rows for sample in samples)
        self._work_for(list(dict.fromkeys(member for member, _ in chosen)))
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
            for member in self.on_card:
                member.watch.degrade("batch_split")
            return
        took_s = self._spend(began_s)
        if is_measured:
            self._pace.learn(key, rows, took_s)
        self._previous_key = key
        guided = any(member.shape.is_guided for member, _ in chosen)
        self.room.note_use(replace(chosen[0][0].shape, is_guided=guided), len(samples))
        for member, sample in chosen:
            member.spent_s += took_s * sample.rows / rows
            member.last_step_s = self._clock()
        for member in self.on_card:
            member.tell_step(engine)
        self._tell_others(min(member.seat_level for member in self.on_card))

    def _tell_others(self, level: int) -> None:
        """Who has begun and gave its seat to somebody more urgent is paused; the others are alive."""
        for member in self._company.members:
            has_given_way = member.is_begun and not member.is_made and member.seat_level > level
            if member in self.on_card or not has_given_way or member.is_paused:
                member.pulse()
            else:
                member.preempted += 1
                member.pause()

    def decode(self, engine: Stepping, threads: int) -> None:
        """One picture that took its last step; more where more of them wait than may be made at once: jobs of few steps would
        pile up finished pictures otherwise."""
        self._decode_one(engine, threads)
        while sum(member.waiting_pictures for member in self._company.members) > self._company.seats:
            self._decode_one(engine, threads)

    def _decode_one(self, engine: Stepping, threads: int) -> None:
        """The most urgent one; with its job's last one the job is made."""
        done = [member for member in self._company.members if member.undecoded is not None]
        member = min(done, key=lambda m: (m.level, m.order), default=None)
        if member is None or (place := member.undecoded) is None:
            return
        self._work_for([member])
        began_s = self._clock()
        try:
            self.finishing.decode(engine, member, place)
        except OutOfVram:
            raise  # the ladder may help: what is made is decoded by a smaller plan
        except DarkroomError as exc:
            raise_if_lost(exc)
            member.spent_s += self._spend(began_s)
            may_pass = isinstance(exc, NotFinite)
            if may_pass and not any(other.is_begun for other in self._company.members if other is not member):
                member.restart()
                raise  # in a wider range
            self._company.fail([member], exc, in_batch=2 if may_pass else 1)
            return
        member.spent_s += self._spend(began_s)
        if len(member.pictures) == len(member.samples):
            self._company.members.remove(member)
            self.finishing.hand_over(engine, member, threads)

    def _work_for(self, members: list[Member]) -> None:
        self.on_card = members
        for member in members:
            member.works()

    def _spend(self, since_s: float) -> float:
        took_s = self._clock() - since_s
        self.busy_s += took_s
        return took_s


def leaving_with(chosen: Sequence[tuple[Member, Any]]) -> list[Member]:
    """Of those who take the next step, the jobs that have none left afterwards. Pure."""
    stepping = {id(sample) for _, sample in chosen}

    def is_last(sample: Any) -> bool:
        return bool(sample.is_done or (id(sample) in stepping and sample.step + 1 >= sample.steps))

    return [member for member in dict.fromkeys(m for m, _ in chosen) if all(map(is_last, member.samples))]
