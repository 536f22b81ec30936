"""What a run makes: pictures or answers. A run itself knows samples, seats and steps, nothing of what comes of them.

A *trade* says which jobs are made in steps, how many samples a job is and what memory they take, fetches what a job needs, and
turns what its engine finished into the job's result. Everything else is the same for all: claims, seats, tickets, ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord
from shared.contracts.passes import shared_by_pass
from shared.models.catalogue import ModelCard
from shared.settings import Settings
from workers.engines.base import AnalyzeWork, WorkOutcome
from workers.execution.kinds import analyze, generate
from workers.execution.kinds.base import Outcome
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.token_writer import Sayings
from workers.memory.shapes import Shape, asking_shape

#: Has something done by another thread, soon.
Beside = Callable[[Callable[[], None]], None]


class Trade(Protocol):
    """One kind of job that is made in steps."""

    def takes(self, record: JobRecord) -> bool:
        """Whether this job is made in steps by an engine of its model that makes steps."""
        ...

    def may_join(self, first: JobRecord, other: JobRecord) -> bool:
        """Whether a job may share passes with one that runs, as far as what they make goes."""
        ...

    def samples_of(self, record: JobRecord) -> int:
        """How many samples it is."""
        ...

    def most_seats(self, settings: Settings) -> int:
        """Samples of one run at the most."""
        ...

    def seats_in(self, shape: Shape, settings: Settings) -> int:
        """Samples that may be under way where a pass has the room of a shape: those without a turn may hold memory too."""
        ...

    def preview_every(self, settings: Settings) -> int:
        """Steps between two previews; 0: there are none."""
        ...

    def checkpoint_every(self, settings: Settings) -> int:
        """Steps between two checkpoints; 0: there are none."""
        ...

    def shape_of(self, record: JobRecord) -> Shape:
        """What a pass of one of its samples takes."""
        ...

    def together(self, shape: Shape, samples: int) -> Shape:
        """What a pass of so many samples of a shape takes."""
        ...

    def work_of(self, record: JobRecord, runtime: Runtime, watch: GpuBatchWatch, beside: Beside) -> Any:
        """What its engine begins with; beside the passes, see `fetching`. Raises `DarkroomError` where it cannot be had.

        Args:
            beside: has what comes of it on the way told, soon, by another thread than the one that makes passes.
        """
        ...

    def about(self, engine: Any, weights_hash: str | None, threads: int, joules: float | None) -> Any:
        """What is to be said of how it was made, beside its own parameters."""
        ...

    def stored(self, record: JobRecord, work: Any, finished: Sequence[Any], about: Any, runtime: Runtime) -> Outcome:
        """The job's result; what belongs to it is kept. On a thread behind the passes."""
        ...


class Pictures:
    """A sample is a picture."""

    def takes(self, record: JobRecord) -> bool:
        """See `Trade`."""
        return True

    def may_join(self, first: JobRecord, other: JobRecord) -> bool:
        """See `Trade`: of one size."""
        return all(first.params.get(name) == other.params.get(name) for name in shared_by_pass(GenerationParams))

    def samples_of(self, record: JobRecord) -> int:
        """See `Trade`."""
        return int(record.params.get("n", 1))

    def most_seats(self, settings: Settings) -> int:
        """See `Trade`."""
        return settings.max_batch

    def seats_in(self, shape: Shape, settings: Settings) -> int:
        """See `Trade`: latents are small."""
        return settings.max_batch

    def preview_every(self, settings: Settings) -> int:
        """See `Trade`."""
        return settings.preview_every_steps

    def checkpoint_every(self, settings: Settings) -> int:
        """See `Trade`."""
        return settings.checkpoint_steps

    def shape_of(self, record: JobRecord) -> Shape:
        """See `Trade`."""
        return generate.shape_of([GenerationParams.model_validate(record.params | {"n": 1})])

    def together(self, shape: Shape, samples: int) -> Shape:
        """See `Trade`."""
        return replace(shape, batch=samples)

    def work_of(self, record: JobRecord, runtime: Runtime, watch: GpuBatchWatch, beside: Beside) -> Any:
        """See `Trade`."""
        return generate.work_of(record, runtime)

    def about(self, engine: Any, weights_hash: str | None, threads: int, joules: float | None) -> generate.About:
        """See `Trade`."""
        return generate.about_of(engine, weights_hash, threads, joules)

    def stored(self, record: JobRecord, work: Any, finished: Sequence[Any], about: Any, runtime: Runtime) -> Outcome:
        """See `Trade`."""
        return generate.stored(record, work, finished, about, runtime)


@dataclass(frozen=True)
class Questions(AnalyzeWork):
    """What an analysis job asks, and what is still to be told of its answers."""

    #: Says the words that nobody was told yet.
    say_rest: Callable[[], None] = lambda: None
    asked: analyze.Asked = field(kw_only=True)


class Answers:
    """A sample is one task's answer; its steps are turns of a language model.

    Only of jobs whose tasks are all their own model's: others need several engines, one after the other.
    """

    def takes(self, record: JobRecord) -> bool:
        """See `Trade`."""
        tasks = record.params.get("tasks")
        if not isinstance(tasks, list) or not tasks:  # another version's record may hold anything
            return False
        return all(isinstance(task, dict) and task.get("engine") == record.model for task in tasks)

    def may_join(self, first: JobRecord, other: JobRecord) -> bool:
        """See `Trade`: whatever they ask."""
        return self.takes(other)

    def samples_of(self, record: JobRecord) -> int:
        """See `Trade`."""
        return len(record.params["tasks"])

    def most_seats(self, settings: Settings) -> int:
        """See `Trade`."""
        return min(settings.max_analysis_batch, analyze.MOST_AT_ONCE)

    def seats_in(self, shape: Shape, settings: Settings) -> int:
        """See `Trade`: each holds the keys and values of its picture."""
        return shape.batch

    def preview_every(self, settings: Settings) -> int:
        """See `Trade`: words are told as they come."""
        return 0

    def checkpoint_every(self, settings: Settings) -> int:
        """See `Trade`: an answer takes seconds."""
        return 0

    def shape_of(self, record: JobRecord) -> Shape:
        """See `Trade`."""
        return asking_shape(1)

    def together(self, shape: Shape, samples: int) -> Shape:
        """See `Trade`: each may be about another picture."""
        return asking_shape(samples, samples)

    def work_of(self, record: JobRecord, runtime: Runtime, watch: GpuBatchWatch, beside: Beside) -> Questions:
        """See `Trade`."""
        asked = analyze.fetched(record, runtime.artifacts, runtime.limits)
        if asked.error is not None:
            raise asked.error
        sayings = Sayings(runtime.store.redis, [record], beside=beside)
        note = sayings.teller(record, range(len(asked.params.tasks)))

        def tell(index: int, text: str, is_reasoning: bool) -> None:
            note(index, text, is_reasoning)
            sayings.flush()

        return Questions(
            picture=asked.picture,
            picture_id=asked.params.image or "",
            tasks=tuple(asked.params.tasks),
            is_wanted=lambda: bool(watch.alive),
            tell=tell if asked.params.stream else lambda index, text, is_reasoning: None,
            say_rest=sayings.say_all,
            asked=asked,
        )

    def about(self, engine: Any, weights_hash: str | None, threads: int, joules: float | None) -> int:
        """See `Trade`: the CPU threads it was computed with."""
        return threads

    def stored(self, record: JobRecord, work: Any, finished: Sequence[Any], about: Any, runtime: Runtime) -> Outcome:
        """See `Trade`."""
        work.say_rest()
        asked = work.asked
        for index, done in enumerate(finished):
            answer: WorkOutcome = done
            asked.outcomes[index] = analyze.honest_one(answer.tasks[0])
            asked.vision_passes += answer.vision_passes
        asked.threads[record.model] = about
        return analyze.outcome_of(asked, runtime)


#: Kind of job → its trade; jobs of other kinds have no steps.
TRADES: dict[str, Trade] = {"generate": Pictures(), "analyze": Answers()}


def trade_of(card: ModelCard) -> Trade:
    """What a run of this model makes."""
    return TRADES["generate" if card.kind == "generate" else "analyze"]
