"""The loop: one model's run, from the first job that comes to the last that leaves, a step at a time.

Between two passes, in this order: who is no longer wanted leaves; what waits in the queues is looked at, and who may joins;
samples are begun; the policy (`seats`) says who takes the step; the pass is made; one finished sample is decoded; what
is worth keeping is kept. Storing happens beside it all (`behind`).

A run must not sit on one Celery message for hours: after `TICKET_S` it gives its ticket back with its samples where they
are, and goes on with the next one (`Runner` sends it). It also gives way, in the same manner and within a step, to commands
and to more urgent work for another loaded model. A process that ends between two tickets gives its jobs back like any
other, and they go on from their checkpoints.

Who broke a pass runs alone: what a pass raises concerns those who were in it, and nobody else.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from PIL.Image import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import Phase, Timings
from shared.errors import DarkroomError, DeviceLost, EngineFailed, NotFinite, OutOfVram
from shared.jobs.chains import Chains
from shared.log import bound, logger
from shared.models.catalogue import ModelCard
from shared.models.measurements import Measurements
from workers.devices.snapshot import joules_per_picture
from workers.engines.stepping import Stepping
from workers.engines.torch_tools import device_lost
from workers.execution.claiming import Claiming
from workers.execution.endings import Endings, rating_jobs
from workers.execution.kinds import generate
from workers.execution.kinds.base import with_engine
from workers.execution.preview_thread import PreviewThread
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.stepping.arrivals import MOST_PREEMPTED, Arrivals, Waiting
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.keeping import Keeping
from workers.execution.stepping.members import Member
from workers.execution.stepping.pace import Pace
from workers.execution.stepping.seats import Room, Seated, next_pass
from workers.execution.timing import Stopwatch, record_timing
from workers.memory.shapes import Shape

#: How long a run may hold one ticket.
TICKET_S = 60.0
#: How long to wait for a starting picture before members are told that all is well.
PULSE_S = 0.2


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
        #: Jobs whose pictures are not made yet.
        self.members: list[Member] = []
        self._runtime = runtime
        self._chains = chains
        self._behind = behind
        self._clock = clock
        self._arrivals = Arrivals(runtime, claiming, card.id, clock)
        self._keeping = Keeping(runtime, clock)
        self._pace = Pace(runtime.settings.slower_in_company)
        self._learned = Measurements(runtime.store.redis)
        self._ratings = rating_jobs(runtime)
        self._previews = PreviewThread()
        self._fetching = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetching")
        self._orders = 0
        self._previous_key: Any = None
        self._busy_s = 0.0
        self._peers_until_s = 0.0
        self._ticket_ends_s = 0.0
        self._load_ms: int | None = None
        self._at_work: list[Member] = []
        self._reserved = Shape(8, 8)
        self._used: Shape | None = None

    # -- one ticket --------------------------------------------------------------------------------------------------

    def go(self, first: Claim | None) -> None:
        """Work until all is done, or for as long as a ticket lasts, or until something else comes first.

        `members` says who is under way still; everything that was finished is stored.

        Args:
            first: a job that was claimed for it.

        Raises:
            DeviceLost: the GPU is gone; nobody is under way any more.
        """
        self._arrivals.turn_begins()
        self._ticket_ends_s = self._clock() + TICKET_S
        if first is not None:
            self._take_in_turn(first)
        try:
            while self.members and self._clock() < self._ticket_ends_s:
                if self._stretch():
                    break
        finally:
            if not self.members:
                self._behind.wait()

    def _stretch(self) -> bool:
        """As long as the model has the memory it was given; whether somebody else's turn has come."""
        loading = Stopwatch(self._clock)
        was_loaded = any(resident.model == self.card.id for resident in self._runtime.residency.residents())
        self._reserved, self._used = self._shape_wanted(), None

        def steps(engine: Any, threads: int) -> bool:
            if not was_loaded and self._load_ms is None:
                self._load_ms = loading.timings().loading_ms
            return self._steps(engine, threads)

        try:
            return with_engine(self._runtime, self, loading, self.card, self._reserved, steps, used=lambda: self._used)
        except Exception as exc:
            self._broke(exc)
            return False

    def _steps(self, engine: Stepping, threads: int) -> bool:
        """See `_stretch`."""
        try:
            while True:
                self.members = [member for member in self.members if member.is_wanted]
                waiting = self._arrivals.look()
                if not self.members and not waiting.levels:
                    return False
                if self._must_give_way(waiting):
                    return True
                self._admit(waiting)
                if any(not self._fits(member) for member in self.members):
                    return False  # the next stretch has room for it
                self._begin(engine)
                chosen = self._next_pass()
                if chosen:
                    self._pass(engine, chosen)
                elif not self._wait_for_pictures():
                    return False
                self._decode_one(engine, threads)
                self._keeping.look(engine, self.members, at_once=waiting.is_draining)
        finally:
            engine.rest()

    # -- who is there ------------------------------------------------------------------------------------------------

    def _must_give_way(self, waiting: Waiting) -> bool:
        """Whether the ticket's time is up, a command waits, or something more urgent for another loaded model."""
        if self._clock() >= self._ticket_ends_s or waiting.has_command:
            return True
        urgent = min((member.level for member in self.members), default=None)
        return waiting.elsewhere is not None and (urgent is None or waiting.elsewhere < urgent)

    def _admit(self, waiting: Waiting) -> None:
        """Take jobs, as far as there are seats; an urgent one takes a seat of somebody who can wait."""
        if not self._arrivals.may_go_on or any(member.must_be_alone for member in self.members):
            return
        for level in waiting.levels:
            free = self._runtime.settings.max_batch - self._seated
            if free > 0:
                self._take_at(level, free)
            elif self._may_preempt(level):
                self._take_next(level)
            if any(member.must_be_alone for member in self.members):
                return

    def _take_at(self, level: int, free: int) -> None:
        at_work = [member for member in self.members if not member.is_made]
        if not at_work or level < min(member.level for member in at_work):
            self._take_next(level)
        elif self._clock() < self._peers_until_s:
            for claim in self._arrivals.peers(at_work[0].claim, level, free):
                self._take(claim)

    def _take_next(self, level: int) -> None:
        claim = self._arrivals.next_one(level)
        if claim is not None:
            self._take_in_turn(claim)

    def _take_in_turn(self, claim: Claim) -> None:
        """Others of its size may join it for a while; then whoever is next must have its turn."""
        self._peers_until_s = self._clock() + self._runtime.settings.max_wait_s
        self._take(claim)

    def _may_preempt(self, level: int) -> bool:
        """Whether a job of this level may come although all seats are taken: somebody less urgent gives one up, nobody
        does so more than `MOST_PREEMPTED` times, and no more wait than there are seats."""
        beyond = self._seated - self._runtime.settings.max_batch
        able = any(m.level > level and m.preempted < MOST_PREEMPTED and not m.is_paused for m in self.members)
        return able and beyond < self._runtime.settings.max_batch

    @property
    def _seated(self) -> int:
        """Pictures that are not finished."""
        return sum(int(member.record.params.get("n", 1)) for member in self.members if not member.is_made)

    def _take(self, claim: Claim) -> None:
        record, stopwatch = claim.record, Stopwatch(self._clock)
        endings = Endings(self._runtime, self._chains, [record], stopwatch, self._ratings, sends_all=True)
        watch = GpuBatchWatch(
            self._runtime.store,
            [claim],
            preview_every=self._runtime.settings.preview_every_steps,
            preview_thread=self._previews,
            on_stop=endings.stop,
        )
        shape = generate.shape_of([GenerationParams.model_validate(record.params | {"n": 1})])
        work = self._fetching.submit(generate.work_of, record, self._runtime)
        member = Member(claim, self._orders, shape, watch, stopwatch, endings, work, last_step_s=self._clock())
        self._orders += 1
        self.members.append(member)
        with bound(job=record.id, model=record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=record.kind, attempt=record.attempt, gpu_batch=len(self.members))

    # -- memory ------------------------------------------------------------------------------------------------------

    def _shape_wanted(self) -> Shape:
        """What to make room for: the largest picture under way, as many at once as there are or may come."""
        largest = max(self.members, key=lambda member: member.shape.megapixels).shape
        guided = any(member.shape.is_guided for member in self.members)
        img2img = any(member.shape.is_img2img for member in self.members)
        most = self._runtime.settings.max_batch
        wanted = most if self._arrivals.look().levels else max(1, min(most, self._seated))
        shapes = [
            Shape(largest.width_px, largest.height_px, n, guided, is_img2img=img2img) for n in range(wanted, 0, -1)
        ]
        budget_mib = self._runtime.residency.budget_mib
        return next((shape for shape in shapes if self._need_mib(shape) <= budget_mib), shapes[-1])

    def _need_mib(self, shape: Shape) -> int:
        return self._runtime.need_mib(self.card, shape)

    def _fits(self, member: Member) -> bool:
        return self._need_mib(member.shape) <= max(self._need_mib(self._reserved), 0) or self._is_largest(member)

    def _is_largest(self, member: Member) -> bool:
        """Whether the room was made for it: more than the whole budget cannot be asked for."""
        return (
            member.shape.megapixels <= self._reserved.megapixels and member.shape.is_guided <= self._reserved.is_guided
        )

    def _room(self, sample: Any, member: Member, leads_in_a_hurry: bool) -> Room:
        most = self._pace.most_samples(sample.key, self._runtime.settings.max_batch)
        limit_mib, shape = self._need_mib(self._reserved), member.shape
        fitting = next(
            (n for n in range(most, 1, -1) if self._need_mib(_of_many(shape, n)) <= limit_mib),
            1,
        )
        return Room(fitting, self._pace.most_rows(sample.key, sample.rows) if leads_in_a_hurry else None)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _begin(self, engine: Stepping) -> None:
        """Samples of those who have come: one job a time, so that nobody waits for many to be encoded."""
        alone = next((member for member in self.members if member.must_be_alone), None)
        for member in self.members:
            if member.is_begun or not member.work.done():
                continue
            if member is alone and any(other is not member and other.is_begun for other in self.members):
                continue
            self._at_work = [member]
            began_s = self._clock()
            try:
                samples = self._keeping.resumed(engine, member) or engine.begin(member.work.result(), member.watch)
            except DarkroomError as exc:
                if isinstance(exc, OutOfVram | NotFinite) and len(self.members) == 1:
                    raise  # the ladder may help
                self._fail([member], exc)
                return
            member.begin(samples)
            member.spent_s += self._spend(began_s)
            member.began_with = (self._runtime.gpu_now(), self._busy_s)
            return

    def _next_pass(self) -> list[tuple[Member, Any]]:
        """Those who take the next step."""
        there = [(m, s) for m in self.members if m.is_begun for s in m.samples if not s.is_done]
        now_s = self._clock()
        seated = [Seated(s.key, s.rows, m.level, m.order, now_s - m.last_step_s) for m, s in there]

        def room(lead: Seated) -> Room:
            member, sample = there[seated.index(lead)]
            return self._room(sample, member, leads_in_a_hurry=lead.level < 2)

        places = next_pass(seated, self._previous_key, room, self._runtime.settings.max_wait_s)
        return [there[place] for place in places]

    def _pass(self, engine: Stepping, chosen: Sequence[tuple[Member, Any]]) -> None:
        samples = [sample for _, sample in chosen]
        key, rows = samples[0].key, sum(sample.rows for sample in samples)
        self._at_work = list(dict.fromkeys(member for member, _ in chosen))
        began_s = self._clock()
        try:
            engine.step(samples)
        except OutOfVram:
            if len(samples) == 1:
                raise
            self._pace.halve(key, len(samples))
            for member in self._at_work:
                member.watch.degrade("batch_split")
            return
        took_s = self._spend(began_s)
        self._pace.learn(key, rows, took_s)
        self._previous_key = key
        self._note_use(chosen[0][0].shape, len(samples))
        for member, sample in chosen:
            member.spent_s += took_s * sample.rows / rows
            member.last_step_s = self._clock()
        for member in self._at_work:
            member.is_paused = False
            member.tell_step(engine)
        self._tell_others(min(member.level for member in self._at_work))

    def _tell_others(self, level: int) -> None:
        """Who has begun and gave its seat to somebody more urgent is paused; the others are alive."""
        for member in self.members:
            if member in self._at_work or not member.is_begun or member.is_made:
                member.pulse()
            elif member.level > level and not member.is_paused:
                member.is_paused = True
                member.preempted += 1
                member.phase("paused")
            else:
                member.pulse()

    def _wait_for_pictures(self) -> bool:
        """Until a starting picture is there; whether anybody waits for one, or for its pictures to be decoded."""
        for member in self.members:
            member.pulse()
        if any(member.is_made for member in self.members):
            return True
        coming = [member.work for member in self.members if not member.is_begun]
        if not coming:
            return bool(self.members)
        if not any(future.done() for future in coming):
            wait(coming, timeout=PULSE_S, return_when="FIRST_COMPLETED")
        return True

    def _decode_one(self, engine: Stepping, threads: int) -> None:
        """One picture that took its last step, the most urgent one; with its job's last one the job is made."""
        member = min((m for m in self.members if _has_undecoded(m)), key=lambda m: (m.level, m.order), default=None)
        if member is None:
            return
        place = next(i for i, s in enumerate(member.samples) if s.is_done and i not in member.pictures)
        self._at_work = [member]
        began_s = self._clock()
        try:
            [member.pictures[place]] = engine.finish([member.samples[place]], member.watch)
        except DarkroomError as exc:
            if len(self.members) == 1 and isinstance(exc, OutOfVram | NotFinite):
                member.restart()
                raise  # the ladder may help
            self._fail([member], exc, in_batch=2 if isinstance(exc, OutOfVram | NotFinite) else 1)
            return
        member.spent_s += self._spend(began_s)
        if len(member.pictures) == len(member.samples):
            self.members.remove(member)
            pictures = [member.pictures[i] for i in range(len(member.samples))]
            about = generate.about_of(
                engine,  # type: ignore[arg-type]
                self._runtime.residency.weights.get(self.card.id),
                threads,
                self._joules(member),
            )
            self._behind.take(partial(self._store, member, pictures, about))

    def _spend(self, since_s: float) -> float:
        took_s = self._clock() - since_s
        self._busy_s += took_s
        return took_s

    def _note_use(self, shape: Shape, samples: int) -> None:
        used = _of_many(shape, samples)
        if self._used is None or self._need_mib(used) > self._need_mib(self._used):
            self._used = used

    def _joules(self, member: Member) -> float | None:
        """Its share of what the card used since it began, by the time that was its own."""
        if member.began_with is None:
            return None
        before, busy_s = member.began_with
        per_picture = joules_per_picture(before, self._runtime.gpu_now(), len(member.samples))
        spent_s = self._busy_s - busy_s
        return None if per_picture is None or spent_s <= 0 else per_picture * min(1.0, member.spent_s / spent_s)

    # -- ends --------------------------------------------------------------------------------------------------------

    def _store(self, member: Member, pictures: list[Image], about: generate.About) -> None:
        """On a thread behind: the pictures into the store, then the job's end."""
        with bound(job=member.record.id, model=self.card.id, worker=self._runtime.slot.name):
            member.stopwatch.start("storing")
            member.phase("storing")
            if not member.is_wanted:
                return
            degradations = member.watch.degradations_of(member.claim)
            try:
                outcome = generate.stored(member.record, member.work.result(), pictures, about, self._runtime)
            except Exception as exc:
                error = exc if isinstance(exc, DarkroomError) else _engine_failed(exc)
                member.endings.fail_one(member.claim, error, in_batch=1, degradations=degradations)
                return
            member.endings.end_one(member.claim, outcome, degradations, spent_s=member.spent_s)
            took = Timings(running_ms=round(member.spent_s * 1000), loading_ms=self._load_ms or 0)
            has_loaded, self._load_ms = self._load_ms is not None, None
            record_timing(self._learned, self._runtime.slot.name, [member.record], took, has_loaded=has_loaded)

    def _broke(self, why: Exception) -> None:
        """A pass, a beginning or a loading did not come to its end: whose fault that is decides what becomes of whom."""
        concerned = [member for member in self._at_work if member in self.members] or list(self.members)
        self._at_work = []
        if device_lost.is_device_lost(why):
            lost = DeviceLost(device_lost.what_was_said(why))
            for member in self.members:
                member.endings.lose_one(member.claim, lost, in_batch=len(self.members))
            self.members = []
            raise lost from why
        error = why if isinstance(why, DarkroomError) else _engine_failed(why)
        if not isinstance(why, DarkroomError):
            logger().error("engine.failed", exc_info=why)
        self._fail(concerned, error, in_batch=len(concerned))

    def _fail(self, members: Sequence[Member], error: DarkroomError, in_batch: int = 1) -> None:
        for member in members:
            degradations = member.watch.degradations_of(member.claim)
            with bound(job=member.record.id, model=self.card.id, worker=self._runtime.slot.name):
                member.endings.fail_one(member.claim, error, in_batch=in_batch, degradations=degradations)
        self.members = [member for member in self.members if member not in members]

    # -- the watch of everybody, for what concerns them all: loading, measuring threads --------------------------------

    def step(self, step: int, steps: int, previews: Any = None) -> None:
        """See `engines.base.Watch`: nobody steps for all."""
        self.pulse()

    def phase(self, phase: Phase) -> None:
        """Each member says for itself that it runs."""

    def pulse(self) -> None:
        for member in self.members:
            member.pulse()

    def degrade(self, what: str) -> None:
        for member in self.members:
            member.watch.degrade(what)


def _of_many(shape: Shape, samples: int) -> Shape:
    return Shape(shape.width_px, shape.height_px, samples, shape.is_guided, is_img2img=shape.is_img2img)


def _has_undecoded(member: Member) -> bool:
    return any(s.is_done and i not in member.pictures for i, s in enumerate(member.samples))


def _engine_failed(why: Exception) -> EngineFailed:
    return EngineFailed(f"the engine failed: {type(why).__name__}: {str(why)[:300]}")
