"""A request and its model's card → the effective parameters: every default explicit, every limit checked. Pure but for
drawing a seed where none was given."""

import math
import secrets
from itertools import islice
from typing import TypeVar

from shared.contracts.generation import GenerateRequest, GenerationParams, PictureWishes, steps_run
from shared.contracts.samplers import AUTOMATIC, COMBINED, sampler_of, sampling_of
from shared.contracts.sizes import Size, SizeRule
from shared.contracts.vision import AnyTask, QueryTask, Sampled, TagsTask
from shared.errors import InvalidRequest
from shared.models.catalogue import Defaults, ModelCard, ModelLimits

T = TypeVar("T")
#: Drawn seeds stay in the range A1111 and ComfyUI show (32 bits), so they can be typed into those.
DRAWN_SEED_BITS = 32


def effective_params(
    request: GenerateRequest, card: ModelCard, *, image_id: str | None, image_size: Size | None = None
) -> GenerationParams:
    """What the worker will do exactly.

    Args:
        image_id: of the starting picture, already stored; None for txt2img.
        image_size: its width and height, upright, where they are known; without a size of its own the picture that is
            made follows them.

    Raises:
        InvalidRequest: a value is outside the model's limits, or two values contradict each other.
    """
    if card.defaults is None or card.limits is None:
        raise InvalidRequest(f"{card.id} does not make pictures (it is a {card.kind} model)", field="model")
    if request.strength is not None and image_id is None:
        raise InvalidRequest(
            "strength says how far to go from a picture: give image too, or leave strength out", field="strength"
        )
    defaults, rule = card.defaults, size_rule(request, card)
    follows = rule.size_for(*image_size) if rule and image_size else None
    width, height = follows or (defaults.width, defaults.height)
    scheduler, schedule = _sampling(request, defaults)
    params = GenerationParams(
        prompt=request.prompt,
        negative_prompt=_either(request.negative_prompt, defaults.negative_prompt),
        width=_either(request.width, width),
        height=_either(request.height, height),
        steps=_either(request.steps, defaults.steps),
        guidance_scale=_either(request.guidance_scale, defaults.guidance_scale),
        scheduler=scheduler,
        schedule=schedule,
        seed=request.seed if request.seed is not None else secrets.randbits(DRAWN_SEED_BITS),
        n=request.n,
        image=image_id,
        strength=_either(request.strength, defaults.strength) if image_id is not None else None,
    )
    _check_limits(params, card.id, card.limits)
    _check_combinations(params, request, card.limits.max_steps)
    return params if params.is_guided else params.model_copy(update={"negative_prompt": ""})


def size_rule(wishes: PictureWishes, card: ModelCard) -> SizeRule | None:
    """How a picture that starts from another one gets its size; None where the caller named a side."""
    if card.defaults is None or card.limits is None or wishes.width is not None or wishes.height is not None:
        return None
    limits = card.limits
    return SizeRule(
        pixels=card.defaults.width * card.defaults.height,
        step_px=limits.size_step_px,
        min_side_px=limits.min_side_px,
        max_side_px=limits.max_side_px,
        max_pixels=_most_pixels(limits),
    )


def effective_task(task: AnyTask, card: ModelCard, *, field: str) -> AnyTask:
    """What is asked of a model exactly: engine, seed and least score explicit.

    Args:
        field: the task's name in the request, for errors.

    Raises:
        InvalidRequest: the model does not do such tasks, or has no use for a value.
    """
    if card.analysis is None or not card.does(task.task):
        does = ", ".join(card.analysis.tasks) if card.analysis else "only generate"
        raise InvalidRequest(f"{card.id} does not do {task.task} (it can: {does})", field=f"{field}.engine")
    found: dict[str, object] = {"engine": card.id}
    if isinstance(task, Sampled):
        found["seed"] = task.seed if task.seed is not None else secrets.randbits(DRAWN_SEED_BITS)
    if isinstance(task, TagsTask):
        if not card.analysis.has_scores and task.min_score is not None:
            raise InvalidRequest(f"{card.id} gives its tags no scores: leave min_score out", field=f"{field}.min_score")
        found["min_score"] = _either(task.min_score, card.analysis.min_score) if card.analysis.has_scores else None
    if isinstance(task, QueryTask) and not task.question.strip():
        raise InvalidRequest("the question is empty", field=f"{field}.question")
    return task.model_copy(update=found)


def _sampling(request: GenerateRequest, defaults: Defaults) -> tuple[str, str]:
    """The record's scheduler and schedule. A name that has always said both stays as it is, for those who read it back.

    A schedule without a scheduler is for the model's own sampler; the model's schedule goes with its scheduler only.
    """
    scheduler, schedule = request.scheduler, request.schedule
    if scheduler is None:
        is_neutral = schedule is None or schedule == AUTOMATIC
        scheduler = defaults.scheduler if is_neutral else sampler_of(defaults.scheduler)
        schedule = defaults.schedule if is_neutral else schedule
    try:
        found = sampling_of(scheduler, schedule)
    except ValueError as exc:
        raise InvalidRequest(str(exc), field="schedule" if request.schedule is not None else "scheduler") from exc
    return scheduler if scheduler in COMBINED else found.sampler, found.schedule


def _check_limits(params: GenerationParams, model: str, limits: ModelLimits) -> None:
    for field, side in (("width", params.width), ("height", params.height)):
        if not limits.min_side_px <= side <= limits.max_side_px:
            raise InvalidRequest(
                f"{model} makes {limits.min_side_px} to {limits.max_side_px} pixels a side, {field} is {side}",
                field=field,
            )
    pixels, most = params.width * params.height, _most_pixels(limits)
    if pixels > most:
        raise InvalidRequest(
            f"{model} makes up to {most:,} pixels, {params.width} × {params.height} are {pixels:,}: make it smaller",
            field="width",
        )
    if params.steps > limits.max_steps:
        raise InvalidRequest(f"{model} takes up to {limits.max_steps} steps, steps is {params.steps}", field="steps")


def _most_pixels(limits: ModelLimits) -> int:
    return max(round(limits.max_megapixels * 1e6), limits.min_side_px**2)


def _check_combinations(params: GenerationParams, request: GenerateRequest, most_steps: int) -> None:
    """Refuse what would run as something else than its record says."""
    if params.is_img2img and params.steps_run < 1:
        enough = (n for n in range(params.steps, most_steps + 1) if steps_run(n, params.strength))
        more_steps = "".join(f" or steps of at least {n}" for n in islice(enough, 1))
        raise InvalidRequest(
            f"steps {params.steps} × strength {params.strength} leaves no whole step to run: "
            f"give a strength of at least {_rounded_up(1 / params.steps)}{more_steps}",
            field="strength" if request.strength is not None else "steps",
        )
    if 0 < params.guidance_scale < 1:
        raise InvalidRequest(
            f"guidance_scale {params.guidance_scale} would do what 1 does: give 0 or 1 (no guidance), or more than 1",
            field="guidance_scale",
        )
    if request.negative_prompt and not params.is_guided:
        raise InvalidRequest(
            f"negative_prompt acts through guidance, which a guidance_scale of {params.guidance_scale:g} turns off: "
            "raise it above 1, or leave negative_prompt out",
            field="negative_prompt",
        )


def _rounded_up(share: float) -> float:
    """To four digits, so that a caller who types it is over the line."""
    return math.ceil(share * 1e4) / 1e4


def _either(given: T | None, default: T) -> T:
    return default if given is None else given
