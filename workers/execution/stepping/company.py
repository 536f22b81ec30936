"""Who is under way in a run: jobs are taken in, told that all is well, and leave, each by itself.

Two threads have to do with it. The loop owns the members. Whoever is claimed beside a pass (`ahead`) is on its way, with its
picture being fetched, until the loop has it come in between two passes.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any

from pydantic import ValidationError

from shared.contracts.jobs import JobRecord, Phase
from shared.errors import DarkroomError, DeviceLost, EngineFailed
from shared.jobs.chains import Chains
from shared.jobs.checkpoints import Checkpoints
from shared.log import bound, logger
from shared.models.catalogue import ModelCard
from workers.execution.endings import Endings, rating_jobs
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.side_thread import SideThread
from workers.execution.stepping.fetching import Fetching
from workers.execution.stepping.members import Member
from workers.execution.stepping.standing import Standing
from workers.execution.stepping.telling import Telling
from workers.execution.stepping.trades import trade_of
from workers.execution.timing import Stopwatch
from workers.memory.current_plans import what_changed

#: How long to wait for a starting picture before members are told that all is well.
PULSE_S = 0.2


class Company:
    """The jobs whose samples are not made yet. It is also their watch for what concerns all: loading, measuring threads."""

    def __init__(
        self, runtime: Runtime, chains: Chains, card: ModelCard, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.members: list[Member] = []
        self.trade = trade_of(card)
        #: Samples that may have steps to take at once.
        self.seats = self.trade.most_seats(runtime.settings)
        self._runtime = runtime
        self._chains = chains
        self._card = card
        self._clock = clock
        self._ratings = rating_jobs(runtime)
        self._previews = SideThread("previews")
        self._telling = Telling()
        #: Apart from signs of life, which must not wait behind an answer's words.
        self._words = Telling("words")
        self._fetching = Fetching(Checkpoints(runtime.store.redis))
        #: Jobs that were taken so far.
        self.orders = 0
        self._coming: list[Member] = []
        #: Those who have steps to take after the pass that is made now.
        self._staying: tuple[Member, ...] = ()
        #: Held for as long as it takes to read or change those two.
        self._door = threading.Lock()

    @property
    def model(self) -> str:
        """Whose run it is."""
        return self._card.id

    @property
    def stepping(self) -> list[Member]:
        """Those who have steps to take."""
        return [member for member in self.members if not member.is_made]

    @property
    def seated(self) -> int:
        """Seats that samples with steps to take have or wait for."""
        return sum(map(self._seats_of, self.stepping))

    def _seats_of(self, member: Member) -> int:
        """Of a job: one for each picture that has steps to take, and no more than there are: a job of many pictures waits for
        its own ones."""
        all_of_it = self.trade.samples_of(member.record)
        return min(self.seats, sum(not s.is_done for s in member.samples) if member.is_begun else all_of_it)

    # -- coming, on the thread of `ahead` ----------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """How it will be after the pass that is made now, with those on their way."""
        with self._door:
            holders = (*self._staying, *self._coming)
        return Standing(
            self.seats,
            sum(map(self._seats_of, holders)),
            holders,
            is_alone=any(member.must_be_alone for member in (*self.members, *holders)),
        )

    def held(self) -> Mapping[str, str]:
        """Jobs under way → the tokens that they are held with."""
        return {member.record.id: member.claim.token for member in list(self.members)}

    def take(self, claim: Claim) -> None:
        """A job is on its way; what it needs is fetched beside the passes. One that cannot be read, because another
        version wrote it, fails by itself: nobody holds it, or counts on it, after this."""
        record, stopwatch = claim.record, Stopwatch(self._clock)
        endings = Endings(self._runtime, self._chains, [record], stopwatch, self._ratings, sends_all=True)
        order, self.orders = self.orders, self.orders + 1
        try:
            shape, samples = self.trade.shape_of(record), self.trade.samples_of(record)
            if samples < 1:
                raise ValueError("it asks for nothing")
        except Exception as exc:  # whatever it is that reading it takes
            with bound(job=record.id, model=record.model, worker=self._runtime.slot.name):
                endings.fail_one(claim, unreadable(exc), in_batch=1, degradations=record.degradations)
            return
        watch = GpuBatchWatch(
            self._runtime.store,
            [claim],
            preview_every=self.trade.preview_every(self._runtime.settings),
            side_thread=self._previews,
            on_stop=endings.stop,
            beside=partial(self._telling.take, record.id),
        )
        work, kept = self._fetching.take(record, partial(self._work_of, record, watch))
        member = Member(claim, order, shape, watch, stopwatch, endings, work, kept, last_step_s=self._clock())
        member.given_up = what_changed(self._runtime.plans.wanted(self._card), self._runtime.plans.of(self._card))
        with self._door:
            self._coming.append(member)
        with bound(job=record.id, model=record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=record.kind, attempt=record.attempt, gpu_batch=len(self.standing.holders))

    def _work_of(self, record: JobRecord, watch: GpuBatchWatch) -> Any:
        try:
            return self.trade.work_of(record, self._runtime, watch, partial(self._words.take, record.id))
        except ValidationError as exc:
            raise unreadable(exc) from exc

    # -- between two passes ------------------------------------------------------------------------------------------

    def come_in(self) -> None:
        """Those on their way are there."""
        with self._door:
            self.members = [*self.members, *self._coming]
            self._coming = []
            self._staying = tuple(self.stepping)

    def pass_begins(self, leaving: Collection[Member]) -> None:
        """Admission may count on the seats of those who take their last step in this pass."""
        with self._door:
            self._staying = tuple(member for member in self.stepping if member not in leaving)

    def forget(self) -> None:
        """Nobody is under way, and nobody will be after the next pass."""
        with self._door:
            self._staying = ()

    def wait_for_pictures(self) -> bool:
        """Until a starting picture is there; whether anybody waits for one, or for its pictures to be decoded."""
        self.pulse()
        if any(member.is_made for member in self.members):
            return True
        coming = [member.work for member in self.members if not member.is_begun]
        if not any(future.done() for future in coming):
            wait(coming, timeout=PULSE_S, return_when="FIRST_COMPLETED")
        return bool(self.members)

    def drop_unwanted(self, unwanted: Collection[str] = ()) -> None:
        """Who is cancelled or overdue leaves, and its end is written.

        Args:
            unwanted: jobs of which that is likely; they are asked at once, the others say it with their next sign of life.
        """
        for member in self.members:
            if member.record.id in unwanted:
                member.hear()
            else:
                member.heed()
        self.members = [member for member in self.members if member.is_wanted]

    def give_back(self) -> None:
        """All go back to their queues, and nothing speaks against them."""
        for member in self.members:
            self._give_back(member)
        self.members = []

    def _give_back(self, member: Member) -> None:
        member.watch.fall_silent()
        if member.is_wanted and member.endings.give_back(member.claim):
            logger().info("job.given_back", job=member.record.id, step=member.steps_done)

    def stretch_begins(self, seats: int) -> None:
        """The model is as its plan says, which is told anew; what it gave up for somebody who has left concerns nobody."""
        self.seats = seats
        for member in self.members:
            member.given_up = []

    def loads(self) -> None:
        """The model is on its way to the GPU, once more for those who have begun: that takes longer than a step may."""
        for member in self.members:
            if member.is_begun and not member.is_paused:
                member.phase("loading")

    def fail(self, members: Sequence[Member], error: DarkroomError, in_batch: int = 1) -> None:
        """Some fail, by themselves or because of one another; see `Endings.fail_one`."""
        for member in members:
            member.works()
            degradations = member.watch.degradations_of(member.claim)
            member.watch.fall_silent()
            with bound(job=member.record.id, model=self._card.id, worker=self._runtime.slot.name):
                member.endings.fail_one(member.claim, error, in_batch=in_batch, degradations=degradations)
        self.members = [member for member in self.members if member not in members]

    def lose(self, why: DeviceLost, on_card: Collection[Member]) -> None:
        """The GPU is gone under all of them. Those who were not on it yet go back, and nothing speaks against them.

        Args:
            on_card: whom it was at when it went.
        """
        on_it = [member for member in self.members if member.is_begun or member in on_card] or self.members
        for member in self.members:
            if member not in on_it:
                self._give_back(member)
                continue
            member.watch.fall_silent()
            member.endings.lose_one(member.claim, why, in_batch=len(on_it))
        self.members = []

    # -- the watch of everybody --------------------------------------------------------------------------------------

    def step(self, step: int, steps: int, previews: Any = None) -> None:
        """See `engines.base.Watch`: nobody steps for all."""
        self.pulse()

    def phase(self, phase: Phase) -> None:
        """Those who have not begun say for themselves that they run."""
        for member in self.members:
            if member.is_begun and not member.is_paused:
                member.phase(phase)

    def pulse(self) -> None:
        """See `kinds.base.PhasedWatch`."""
        for member in self.members:
            member.pulse()

    def degrade(self, what: str) -> None:
        """See `engines.base.Watch`. Those say so who work with the model as it is then."""
        for member in self.members:
            member.given_up.append(what)


def unreadable(why: Exception) -> EngineFailed:
    """What a job fails with whose parameters are not of this version. Names fields, not what is in them: a prompt may be.
    Pure."""
    if isinstance(why, ValidationError):
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in why.errors()[:3]]
    else:
        problems = [type(why).__name__]
    return EngineFailed(
        f"the job's parameters are not of this worker's version, which cannot read them ({'; '.join(problems)}); "
        "send it again once all workers are of one version"
    )
