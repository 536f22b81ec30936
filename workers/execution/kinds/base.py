"""What a worker needs of a kind of job, what the kind gives back, and the way onto the GPU that kinds share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from shared.contracts.base import non_finite_in
from shared.contracts.jobs import Failure, JobRecord, Phase
from shared.errors import NotFinite
from shared.jobs.lifecycle import failure_of
from shared.models.catalogue import ModelCard
from shared.settings import Settings
from workers.engines.base import Watch
from workers.execution.oom_ladder import with_room
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.needs import Shape

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """A result, or why there is none."""

    result: dict[str, Any] | None = None
    error: Failure | None = None
    #: Artifacts stored for it; the runner forgets them once the record names them.
    artifacts: tuple[str, ...] = field(default=())

    @property
    def honest(self) -> "Outcome":
        """Itself; but a result with numbers that are none is a failure: JSON has no word for them, a record no use."""
        where = next(non_finite_in(self.result), None)
        return self if where is None else Outcome(error=failure_of(NotFinite(f"{where} of the result is not finite")))


class PhasedWatch(Watch, Protocol):
    """A watch that is also told when loading ends, and that all is well while nothing else can be told."""

    def phase(self, phase: Phase) -> None: ...

    def pulse(self) -> None: ...


class JobKind(Protocol):
    """How a worker runs jobs of a kind; a module is one. What else follows from the kind stands in its row of
    `shared.contracts.kinds`, because those who send and show jobs ask for it too."""

    def most_peers(self, record: JobRecord, settings: Settings) -> int:
        """How many other jobs may share a GPU batch with this one."""
        ...

    def run(
        self, records: Sequence[JobRecord], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch
    ) -> list[Outcome]:
        """Run jobs that share a GPU batch; one outcome each, in order.

        Raises:
            DarkroomError: it concerns the whole GPU batch. Signal: nobody wants the rest.
        """
        ...


def with_engine(
    runtime: Runtime,
    watch: PhasedWatch,
    stopwatch: Stopwatch,
    card: ModelCard,
    shape: Shape,
    call: Callable[[Any, int], T],
    used: Callable[[], Shape | None] | None = None,
) -> T:
    """Bring a model onto the GPU, give it its threads, and from there on the jobs run.

    Args:
        shape: of the work; decides how much memory it needs.
        used: the size of the work that was really done; None: all of `shape`.
        call: does it, with the loaded engine and the CPU threads it has; done afresh on each rung of the ladder.

    Raises:
        as `oom_ladder.with_room`.
    """

    def work(engine: Any) -> T:
        runtime.tell_residents()
        threads = runtime.threads.settle(engine, runtime.plans.of(card).precision, watch.pulse)
        stopwatch.start("running")
        watch.phase("running")
        return call(engine, threads)

    return with_room(runtime.residency, runtime.plans, card, shape, watch, work, used)
