"""Who is under way in a run: jobs are taken in, told that all is well, and leave, each by itself."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.contracts.jobs import Phase
from shared.errors import DarkroomError, DeviceLost
from shared.jobs.chains import Chains
from shared.log import bound, logger
from shared.models.catalogue import ModelCard
from workers.execution.endings import Endings, rating_jobs
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.side_thread import SideThread
from workers.execution.stepping.members import Member
from workers.execution.stepping.trades import trade_of
from workers.execution.timing import Stopwatch
from workers.memory.current_plans import what_changed


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
        self._fetching = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetching")
        self._orders = 0

    @property
    def model(self) -> str:
        """Whose run it is."""
        return self._card.id

    @property
    def at_work(self) -> list[Member]:
        """Those who have steps to take."""
        return [member for member in self.members if not member.is_made]

    @property
    def seated(self) -> int:
        """Samples that have steps to take."""
        return sum(self.trade.samples_of(member.record) for member in self.at_work)

    @property
    def alone(self) -> Member | None:
        """The job that takes nobody with it, if there is one."""
        return next((member for member in self.members if member.must_be_alone), None)

    def take(self, claim: Claim) -> None:
        """A job joins; the picture it names is fetched beside the passes."""
        record, stopwatch = claim.record, Stopwatch(self._clock)
        endings = Endings(self._runtime, self._chains, [record], stopwatch, self._ratings, sends_all=True)
        watch = GpuBatchWatch(
            self._runtime.store,
            [claim],
            preview_every=self.trade.preview_every(self._runtime.settings),
            side_thread=self._previews,
            on_stop=endings.stop,
        )
        shape = self.trade.shape_of(record)
        work = self._fetching.submit(self.trade.work_of, record, self._runtime, watch)
        member = Member(claim, self._orders, shape, watch, stopwatch, endings, work, last_step_s=self._clock())
        self._orders += 1
        self.members.append(member)
        with bound(job=record.id, model=record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=record.kind, attempt=record.attempt, gpu_batch=len(self.members))
            for what in what_changed(self._runtime.plans.wanted(self._card), self._runtime.plans.of(self._card)):
                watch.degrade(what)

    def drop_unwanted(self) -> None:
        """Whose end is written by now, cancelled or overdue, leaves."""
        self.members = [member for member in self.members if member.is_wanted]

    def give_back(self) -> None:
        """All go back to their queues, and nothing speaks against them."""
        for member in self.members:
            if member.is_wanted and member.endings.give_back(member.claim):
                logger().info("job.given_back", job=member.record.id, step=member.steps_done)
        self.members = []

    def loads(self) -> None:
        """The model is on its way to the GPU, once more for those who have begun: that takes longer than a step may."""
        for member in self.members:
            if member.is_begun and not member.is_paused:
                member.phase("loading")

    def fail(self, members: Sequence[Member], error: DarkroomError, in_batch: int = 1) -> None:
        """Some fail, by themselves or because of one another; see `Endings.fail_one`."""
        for member in members:
            degradations = member.watch.degradations_of(member.claim)
            with bound(job=member.record.id, model=self._card.id, worker=self._runtime.slot.name):
                member.endings.fail_one(member.claim, error, in_batch=in_batch, degradations=degradations)
        self.members = [member for member in self.members if member not in members]

    def lose(self, why: DeviceLost) -> None:
        """The GPU is gone under all of them."""
        for member in self.members:
            member.endings.lose_one(member.claim, why, in_batch=len(self.members))
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
        """See `engines.base.Watch`."""
        for member in self.members:
            member.watch.degrade(what)
