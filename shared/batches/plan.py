"""A batch request → its plan; a member of it → the chain of its jobs. Pure.

The ids of a member's jobs follow from the batch's id, so making them again after a crash makes the same ones, and
storing those again changes nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from shared.contracts.batch_records import BatchRecord, Member, StepPlan, Variant
from shared.contracts.batches import PREVIOUS, AnalyzeStep, BatchOptions, BatchRequest, GenerateStep, Grid, Step
from shared.contracts.generation import GenerateRequest
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.contracts.sizes import Size
from shared.contracts.vision import AnalysisParams, AnyTask
from shared.errors import DarkroomError, InvalidRequest
from shared.jobs.chain_rules import asked_hash, size_of, with_picture
from shared.jobs.routing import analysis_batch_key_of, batch_key_of, queue_of
from shared.models.catalogue import ModelCard
from shared.models.effective import DRAWN_SEED_BITS, effective_params, size_rule
from shared.settings import Settings

#: The model a generating step names, or none → the model it gets.
ChooseCard = Callable[[str | None], ModelCard]
#: Tasks and the model they name, or none → the model whose queue they wait in, and the tasks with every value explicit.
ChooseTasks = Callable[[Sequence[AnyTask], str | None], tuple[ModelCard, list[AnyTask]]]


def check_size(request: BatchRequest, settings: Settings) -> None:
    """Refuse more than this server takes.

    Raises:
        InvalidRequest: too many members.
    """
    if request.size > settings.max_batch_members:
        raise InvalidRequest(
            f"a batch may have {settings.max_batch_members:,} members here, this one has {request.size:,}: split it",
            field="grid" if request.grid else "images" if request.images else "prompts",
        )


def members_of(request: BatchRequest) -> list[Member]:
    """The members a JSON request names, in its order."""
    if request.images is not None:
        return [Member(name=picture.name, image=picture.id) for picture in request.images]
    if request.prompts is not None:
        return [Member(prompt=prompt) for prompt in request.prompts]
    return _cells(request.grid) if request.grid is not None else []


def plan_steps(
    options: BatchOptions,
    *,
    has_pictures: bool,
    grid_models: Sequence[str],
    choose_card: ChooseCard,
    choose_tasks: ChooseTasks,
    settings: Settings,
) -> tuple[StepPlan, ...]:
    """Every step with its models and every default explicit; what any member would be refused for is refused here.

    Raises:
        InvalidRequest: too many steps, a step without a prompt or a picture, a value beyond the model's limits.
        NotFound, ModelMissing, DoesNotFit: as for single jobs.
    """
    steps = options.steps or [GenerateStep(kind="generate")]
    if len(steps) > settings.max_batch_steps:
        raise InvalidRequest(
            f"a chain may have {settings.max_batch_steps} steps here, this one has {len(steps)}", field="steps"
        )
    plans, has_current = [], has_pictures
    for index, step in enumerate(steps):
        try:
            _check_step(step, has_pictures=has_pictures, has_current=has_current)
            plans.append(_planned(step, grid_models, choose_card, choose_tasks))
        except DarkroomError as error:
            error.field = f"steps.{index}" + (f".{error.field}" if error.field else "")
            raise
        has_current |= KIND_RULES[step.kind].makes_pictures
    return tuple(plans)


def job_id_of(batch_id: str, member: int, step: int, round_: int) -> str:
    """The id of one step of one member; a resumed member's jobs are new ones."""
    name = f"{batch_id} {member} {step} {round_}"
    return "job_" + hashlib.sha256(name.encode()).hexdigest()[:24]


def chain_of(
    batch: BatchRecord,
    index: int,
    member: Member,
    *,
    round_: int = 0,
    done: Sequence[JobRecord] = (),
    picture: str = "",
) -> list[JobRecord]:
    """A member's jobs, first step first: it is queued, the others wait.

    Args:
        done: steps of earlier rounds that succeeded, which are not done again.
        picture: the current picture behind them; without them the member's own.
    """
    first = len(done)
    ids = [job_id_of(batch.id, index, step, round_) for step in range(first, len(batch.steps))]
    before = done[-1].id if done else ""
    size = size_of(done[-1]) if done else member.size
    return [
        _job(
            batch,
            index,
            member,
            plan=plan,
            step=first + place,
            picture=(picture or member.image) if place == 0 else PREVIOUS,
            size=size,
            id=ids[place],
            state=State.QUEUED if place == 0 else State.WAITING,
            previous_id=ids[place - 1] if place else before,
            next_id=ids[place + 1] if place + 1 < len(ids) else "",
        )
        for place, plan in enumerate(batch.steps[first:])
    ]


def _check_step(step: Step, *, has_pictures: bool, has_current: bool) -> None:
    if isinstance(step, AnalyzeStep) and not has_current:
        raise InvalidRequest("there is no picture to analyze: give images, or a generate step before it", field="kind")
    if not isinstance(step, GenerateStep):
        return
    if step.image is not None and not has_current:
        raise InvalidRequest("there is no picture before this step: give images, or leave image out", field="image")
    if step.prompt is None and has_pictures:
        raise InvalidRequest("pictures bring no prompts: give one here", field="prompt")


def _planned(step: Step, grid_models: Sequence[str], choose_card: ChooseCard, choose_tasks: ChooseTasks) -> StepPlan:
    if isinstance(step, AnalyzeStep):
        card, tasks = choose_tasks(step.tasks, step.model)
        params = AnalysisParams(image=PREVIOUS, tasks=tasks).model_dump(mode="json", exclude_none=True)
        variant = Variant(model=card.id, params=params, batch_key=analysis_batch_key_of(card.id, tasks))
        return StepPlan(kind="analyze", variants=(variant,), asked=asked_hash(step.tasks, tasks))
    names: list[str | None] = list(grid_models) if grid_models and step.model is None else [step.model]
    variants = tuple(_generating(step, choose_card(name)) for name in names)
    return StepPlan(
        kind="generate", variants=variants, has_seed=step.seed is not None, has_prompt=step.prompt is not None
    )


def _generating(step: GenerateStep, card: ModelCard) -> Variant:
    wishes = step.model_dump(exclude={"kind", "image", "prompt", "model"})
    request = GenerateRequest(prompt=step.prompt or "", **wishes)
    params = effective_params(request, card, image_id=PREVIOUS if step.image else None)
    sizing = size_rule(step, card) if step.image else None
    return Variant(model=card.id, params=params.model_dump(), batch_key=batch_key_of(card.id, params), sizing=sizing)


def _job(
    batch: BatchRecord,
    index: int,
    member: Member,
    *,
    plan: StepPlan,
    step: int,
    picture: str,
    size: Size | None,
    **fields: Any,
) -> JobRecord:
    variant = plan.variant_for(member.model)
    params = dict(variant.params)
    if KIND_RULES[plan.kind].takes_words:
        params |= _own_words(batch, index, member, plan, step)
    record = JobRecord(
        kind=plan.kind,
        model=variant.model,
        caller=batch.caller,
        weight=batch.weight,
        priority=batch.priority,
        params=params,
        max_attempts=batch.max_attempts,
        batch=batch.id,
        member=index,
        queue=queue_of(variant.model, batch.priority),
        batch_key=variant.batch_key,
        asked="" if batch.fresh else plan.asked,
        sizing=variant.sizing,
        keep=batch.keep,
        **fields,
    )
    return record if picture == PREVIOUS else with_picture(record, picture, size)


def _own_words(batch: BatchRecord, index: int, member: Member, plan: StepPlan, step: int) -> dict[str, Any]:
    own: dict[str, Any] = {} if plan.has_prompt else {"prompt": member.prompt}
    if member.seed is not None and not plan.has_seed:
        own["seed"] = member.seed
    elif not plan.has_seed:
        own["seed"] = _drawn_seed(batch.id, index, step)
    if member.negative_prompt is not None:
        own["negative_prompt"] = member.negative_prompt
    return own


def _drawn_seed(batch_id: str, member: int, step: int) -> int:
    """Drawn once for all: whoever makes the job again after a crash draws the same."""
    digest = hashlib.sha256(f"seed {batch_id} {member} {step}".encode()).digest()
    return int.from_bytes(digest[: DRAWN_SEED_BITS // 8], "big")


def _cells(grid: Grid) -> list[Member]:
    seeds: list[int | None] = list(grid.seeds) or [None]
    return [
        Member(prompt=prompt, seed=seed, model=model)
        for prompt in grid.prompts
        for seed in seeds
        for model in grid.models or [""]
    ]


def effective_grid(members: Sequence[Member], names: dict[str, str]) -> list[Member]:
    """The members with their models' ids in place of the aliases a caller used."""
    return [member.model_copy(update={"model": names.get(member.model, member.model)}) for member in members]
