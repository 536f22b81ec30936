"""One job of a run: its claim, its pictures on their way, and how it ends.

A job of n pictures is n samples. It ends by itself, whatever becomes of the others: with a result when the last of its
pictures is stored, early when nobody wants it, or with what broke it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from PIL.Image import Image

from shared.contracts.jobs import JobRecord, Phase, Reason
from shared.errors import DeadlineExceeded, Signal
from shared.jobs.checkpoints import Kept
from shared.jobs.routing import PRIORITIES
from shared.log import bound, logger
from workers.engines.base import Precision
from workers.engines.stepping import Stepping
from workers.execution.endings import Endings
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.timing import Stopwatch
from workers.memory.current_plans import computes_alike
from workers.memory.shapes import Shape

#: How often a job may lose its seat to more urgent ones.
MOST_PREEMPTED = 3


@dataclass(eq=False)
class Member:
    """A job while it is in a run. The loop owns it until its pictures are made, then a thread behind."""

    claim: Claim
    #: Of the claims of this worker.
    order: int
    #: What a pass of one of its pictures takes.
    shape: Shape
    watch: GpuBatchWatch
    stopwatch: Stopwatch
    endings: Endings
    #: Its starting picture is fetched and decoded beside the passes.
    work: "Future[Any]"
    #: What an earlier attempt left, there as soon as its work is; None: nothing, or it has begun.
    kept: "Future[Kept] | None" = None
    samples: list[Any] = field(default_factory=list)
    #: Place → picture, of those that are decoded.
    pictures: dict[int, Any] = field(default_factory=dict)
    is_begun: bool = False
    #: In which its samples were begun.
    precision: Precision = "fp32"
    #: How often others took its seat.
    preempted: int = 0
    is_paused: bool = False
    #: What its model gave up, and it has not worked with since.
    given_up: list[str] = field(default_factory=list)
    #: Of `spent_s`, what an earlier attempt had spent on the steps from which it went on.
    spent_before_s: float = 0.0
    last_step_s: float = 0.0
    #: Steps of all its samples at the last checkpoint, and when that was.
    saved_steps: int = 0
    saved_at_s: float = 0.0
    #: Whether it began again here: what an earlier attempt left is of no use to it.
    is_restarted: bool = False
    #: At which step it went on from a checkpoint; 0: it began at its beginning.
    resumed_at: int = 0
    #: What the card had used, and the run had spent, when it began.
    began_with: Any = None

    @property
    def record(self) -> JobRecord:
        return self.claim.record

    @property
    def spent_s(self) -> float:
        """Seconds of the GPU that were its own: its rows of each pass, its encoding and decoding."""
        return self.endings.spent_s or 0.0

    @spent_s.setter
    def spent_s(self, spent_s: float) -> None:
        self.endings.spent_s = spent_s

    @property
    def level(self) -> int:
        """0 is the most urgent."""
        return PRIORITIES.index(self.record.priority)

    @property
    def must_be_alone(self) -> bool:
        """A job that lost a worker, or broke a pass, takes nobody with it."""
        return is_suspect(self.record)

    @property
    def seat_level(self) -> int:
        """Its level where seats are given: whoever lost its seat often enough keeps it."""
        return 0 if self.preempted >= MOST_PREEMPTED else self.level

    @property
    def is_wanted(self) -> bool:
        return bool(self.watch.alive)

    @property
    def is_made(self) -> bool:
        """Whether all its pictures have taken their last step."""
        return self.is_begun and all(sample.is_done for sample in self.samples)

    @property
    def steps_done(self) -> int:
        """Of the job as its record shows it: of all pictures together, as if they went side by side."""
        return sum(sample.step for sample in self.samples) // max(1, len(self.samples))

    @property
    def steps(self) -> int:
        """Of the job, counted like `steps_done`."""
        return sum(sample.steps for sample in self.samples) // max(1, len(self.samples))

    @property
    def undecoded(self) -> int | None:
        """The place of a picture that took its last step and is not decoded; None: there is none."""
        return next((i for i, s in enumerate(self.samples) if s.is_done and i not in self.pictures), None)

    @property
    def waiting_pictures(self) -> int:
        """Pictures that took their last step and are not decoded."""
        return sum(sample.is_done for sample in self.samples) - len(self.pictures)

    def begin(self, samples: Sequence[Any]) -> None:
        """Its pictures stand before their next step."""
        self.samples, self.is_begun, self.is_paused, self.kept = list(samples), True, False, None
        self.phase("running")

    def restart(self) -> None:
        """Its samples belong to a model that is no more: it begins again, at its beginning."""
        self.samples, self.pictures, self.is_begun, self.resumed_at = [], {}, False, 0
        self.saved_steps, self.saved_at_s, self.is_restarted = 0, 0.0, True
        self.watch.begins_again()

    def goes_on_in(self, precision: Precision) -> None:
        """Its model computes in this precision from here on: what was begun in another type of numbers begins again."""
        if self.is_begun and not self.is_made and not computes_alike(self.record.kind, self.precision, precision):
            self.restart()
        self.precision = precision

    def pause(self) -> None:
        """It gives its seat to something more urgent, or waits for its worker's next word; once told, that is that."""
        if not self.is_paused:
            self.is_paused = True
            self.phase("paused")

    def works(self) -> None:
        """What is done for it from here on, its model does as it is now: its record says what that gave up."""
        for what in self.given_up:
            self.watch.degrade(what)
        self.given_up = []

    def phase(self, phase: Phase, *, at_once: bool = False) -> None:
        """Tell its record, soon or before this returns; whoever is heard not to want it any more leaves (`is_wanted`)."""
        self._tell(lambda: self.watch.phase(phase, at_once=at_once))

    def pulse(self) -> None:
        """Nothing new, but alive."""
        self._tell(self.watch.pulse)

    def hear(self) -> None:
        """Alive, and its record is asked at once whether it is wanted."""
        self._tell(self.watch.hear)

    def heed(self) -> None:
        """Act on what its record answered last."""
        self._tell(self.watch.heed)

    def tell_step(self, engine: Stepping) -> None:
        """Tell its record how far it is, with a preview where one is owed."""
        first = self.samples[0]
        if self.is_paused:
            self.is_paused = False
            self.phase("running")

        def previews() -> Callable[[], list[Image]]:
            finish = engine.preview(first)
            return lambda: [finish()]

        self._tell(lambda: self.watch.step(self.steps_done, self.steps, previews))

    def _tell(self, tell: Callable[[], None]) -> None:
        was_wanted = self.is_wanted
        try:
            tell()
        except (Signal, DeadlineExceeded) as exc:  # its end is written (`on_stop`), and `is_wanted` says so
            if was_wanted:
                with bound(job=self.record.id):
                    logger().info("job.stopped", reason=exc.code)


def is_suspect(record: JobRecord) -> bool:
    """Whether a job may have broken a worker or a pass. One that was drained or paused has not. Pure."""
    return any(past.has_lost_worker or past.reason == Reason.RUNS_ALONE for past in record.history)
