"""A GPU batch of analysis jobs: fetch pictures, ask each engine once for all jobs, keep every task's answer or error.

Engines take turns: the jobs' tasks are grouped by the model that answers them, each is loaded, asked, and may leave. A
job succeeds if one of its tasks did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL.Image import Image

from shared.contracts.base import non_finite_in
from shared.contracts.jobs import Failure, JobRecord
from shared.contracts.vision import DECODER_VERSION, AnalysisParams, AnalysisResult, TaskError, TaskResult, Usage
from shared.errors import (
    ArtifactStoreDown,
    CancelRequested,
    DarkroomError,
    EngineFailed,
    ModelMissing,
    NotFinite,
    RedisUnavailable,
    Signal,
)
from shared.jobs.lifecycle import failure_of
from shared.log import logger
from shared.models.catalogue import ModelCard
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.pixels import PictureLimits, decode
from shared.settings import Settings
from workers.engines.base import AnalyzeEngine, AnalyzeWork, Previews, TaskOutcome, WorkOutcome
from workers.engines.torch_tools.device_lost import raise_if_lost
from workers.execution.kinds.base import Outcome, with_engine
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.execution.token_writer import Sayings
from workers.memory.shapes import asking_shape

#: Most tasks in one pass of an engine: beyond, each token's pass costs what it saves.
MOST_AT_ONCE = 16
#: Failures that pass by themselves are the runner's to repeat; a task does not keep them.
PASSING = (ArtifactStoreDown, RedisUnavailable)


@dataclass
class Asked:
    """One job on its way."""

    record: JobRecord
    params: AnalysisParams
    picture: Image | None
    #: Why no task of it can be answered.
    error: DarkroomError | None
    outcomes: dict[int, TaskOutcome]
    vision_passes: int = 0
    #: Model → the CPU threads it computed with.
    threads: dict[str, int] = field(default_factory=dict)


def most_peers(record: JobRecord, settings: Settings) -> int:
    """See `JobKind`."""
    return settings.max_analysis_batch - 1


def run(records: Sequence[JobRecord], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """See `JobKind`. What concerns all jobs and may pass is raised; everything else is the outcome of its task."""
    asked = [fetched(record, runtime.artifacts, runtime.limits) for record in records]
    models = list(dict.fromkeys(task.engine for each in asked if each.error is None for task in each.params.tasks))
    with Sayings(runtime.store.redis, records) as sayings:
        for turn, model in enumerate(models):
            _ask_engine(str(model), asked, Turn(runtime, watch, stopwatch, sayings, turn, len(models)))
    return [outcome_of(each, runtime) for each in asked]


@dataclass(frozen=True)
class Turn:
    """One engine's turn; it reports its steps as a part of the whole."""

    runtime: Runtime
    watch: GpuBatchWatch
    stopwatch: Stopwatch
    sayings: Sayings
    index: int
    turns: int

    def step(self, step: int, steps: int, previews: Previews | None = None) -> None:
        """See `engines.base.Watch`."""
        self.sayings.flush()
        self.watch.step(self.index * steps + step, self.turns * steps)

    def degrade(self, what: str) -> None:
        """See `engines.base.Watch`."""
        self.watch.degrade(what)

    def wants(self, record: JobRecord) -> bool:
        """Whether a job's caller still waits."""
        return any(claim.record.id == record.id for claim in self.watch.alive)


def fetched(record: JobRecord, artifacts: ArtifactStore, limits: PictureLimits) -> Asked:
    """A job with its picture, or with why it has none. Raises what passes by itself."""
    params = AnalysisParams.model_validate(record.params)
    try:
        picture = decode(artifacts.get(params.image), limits) if params.image is not None else None
    except PASSING:
        raise
    except DarkroomError as exc:
        return Asked(record, params, None, exc, {})
    return Asked(record, params, picture, None, {})


def _ask_engine(model: str, asked: Sequence[Asked], turn: Turn) -> None:
    """Ask one model everything that is its to answer; its failure is that of its tasks alone."""
    mine = {
        each.record.id: [index for index, task in enumerate(each.params.tasks) if task.engine == model]
        for each in asked
        if each.error is None
    }
    askers = [each for each in asked if mine.get(each.record.id)]
    try:
        works = [_work(each, mine[each.record.id], turn) for each in askers]
        results, threads = _answers(turn.runtime.catalogue.get(model), works, turn)
        for each in askers:
            each.threads[model] = threads
    except (Signal, *PASSING):
        raise
    except DarkroomError as exc:
        raise_if_lost(exc)
        results = [_all_failed(mine[each.record.id], exc) for each in askers]
    except Exception as exc:
        raise_if_lost(exc)
        logger().error("engine.failed", model=model, exc_info=exc)
        error = EngineFailed(f"{model} failed: {type(exc).__name__}: {str(exc)[:300]}")
        results = [_all_failed(mine[each.record.id], error) for each in askers]
    for each, result in zip(askers, results, strict=True):
        honest = [honest_one(task) for task in result.tasks]
        each.outcomes.update(zip(mine[each.record.id], honest, strict=True))
        each.vision_passes += result.vision_passes


def _answers(card: ModelCard, works: list[AnalyzeWork], turn: Turn) -> tuple[list[WorkOutcome], int]:
    """The outcomes, and the CPU threads they were computed with."""
    runtime = turn.runtime
    if card.id not in runtime.plans.rack.planned:
        raise ModelMissing(f"{card.id} is not served by {runtime.slot.name}, which took this job", field="model")
    pictures = max(1, len({work.picture_id for work in works}))
    at_once = _at_once(card, sum(len(work.tasks) for work in works), pictures, runtime)
    turn.stopwatch.start("loading")
    turn.watch.phase("loading")

    def call(engine: AnalyzeEngine, threads: int) -> tuple[list[WorkOutcome], int]:
        return engine.analyze(works, turn, at_once), threads

    return with_engine(runtime, turn.watch, turn.stopwatch, card, asking_shape(at_once, pictures), call)


def _work(each: Asked, indexes: list[int], turn: Turn) -> AnalyzeWork:
    tell = turn.sayings.teller(each.record, indexes) if each.params.stream else None
    work = AnalyzeWork(
        picture=each.picture,
        picture_id=each.params.image or "",
        tasks=tuple(each.params.tasks[index] for index in indexes),
        is_wanted=lambda: turn.wants(each.record),
    )
    return work if tell is None else AnalyzeWork(work.picture, work.picture_id, work.tasks, work.is_wanted, tell)


def _at_once(card: ModelCard, tasks: int, pictures: int, runtime: Runtime) -> int:
    """As many tasks as the budget allows, at least one: too little room for that is residency's to say."""
    budget_mib = runtime.residency.budget_mib
    wanted = min(tasks, MOST_AT_ONCE)
    fitting = (n for n in range(wanted, 1, -1) if runtime.need_mib(card, asking_shape(n, pictures)) <= budget_mib)
    return next(fitting, 1)


def _all_failed(indexes: list[int], error: DarkroomError) -> WorkOutcome:
    return WorkOutcome(tuple(TaskOutcome(error=error) for _ in indexes))


def honest_one(outcome: TaskOutcome) -> TaskOutcome:
    """An answer with numbers that are none is no answer; those of the other tasks stay."""
    where = next(non_finite_in(outcome.answer.model_dump()), None) if outcome.answer else None
    return outcome if where is None else replace(outcome, answer=None, error=NotFinite(f"{where} is not finite"))


def outcome_of(each: Asked, runtime: Runtime) -> Outcome:
    """The result of a job whose tasks all have an outcome."""
    if each.error is not None:
        return Outcome(error=failure_of(each.error))
    answers = tuple(_result(each, index, runtime) for index in range(len(each.params.tasks)))
    result = AnalysisResult(
        image=each.params.image,
        width=each.picture.width if each.picture else None,
        height=each.picture.height if each.picture else None,
        answers=answers,
        vision_passes=each.vision_passes,
        usage=sum((answer.usage for answer in answers if answer.usage), Usage()),
        decoder_version=DECODER_VERSION,
    )
    return Outcome(result.as_result(), _failure(each) if not any(answer.ok for answer in answers) else None)


def _result(each: Asked, index: int, runtime: Runtime) -> TaskResult:
    task, outcome = each.params.tasks[index], each.outcomes[index]
    card = runtime.catalogue.get(str(task.engine))
    error = TaskError(**failure_of(outcome.error).model_dump()) if outcome.error else None
    return TaskResult(
        task=task.task,
        ok=error is None,
        engine=card.engine,
        model=card.id,
        weights_hash=runtime.residency.weights.get(card.id) or None,
        took_ms=outcome.took_ms,
        answer=outcome.answer,
        error=error,
        usage=outcome.usage,
        cpu_threads=each.threads.get(card.id),
    )


def _failure(each: Asked) -> Failure | None:
    """No task succeeded: the first one's error is the job's."""
    error = next((outcome.error for _, outcome in sorted(each.outcomes.items()) if outcome.error), None)
    return None if error is None or isinstance(error, CancelRequested) else failure_of(error)
