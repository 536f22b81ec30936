"""How each model is put on a GPU so that it fits. Arithmetic only.

A need is weights (held while the model is loaded) plus working room (taken while a job runs; one job runs at a time, so
residents share one working room). The rungs of the budget's mode are tried from the left, and the first that fits is
taken: that is the whole policy. The same functions serve the worker and `darkroom plan`.

Parts that belong to a pass (`pass_parts`) are not seated here: they come and go with their jobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

from shared.errors import DoesNotFit
from shared.models.catalogue import ModelCard
from workers.engines.base import LoadPlan, Precision
from workers.memory.budget import LARGE_MIB, MODES, Budget, Rung, rungs_of
from workers.memory.needs import Need, need_of
from workers.memory.shapes import Shape, default_shape

#: Taggers and raters are small and mostly convolutions: four bits would gain nothing.
QUANTISED_KINDS = ("generate", "analyze")
#: In a seating, tiles or four bits of an image model weigh as much as four bits of so many others: its pictures show it.
PICTURE_WEIGHT = 4.0
#: How much packed weights count against a plan, four bits being 1. Eight bits make pictures that are 44 dB from those in fp32,
#: where four bits' are 29 (docs/gpus.md, Levers).
PACKED_WEIGHT: Mapping[Precision, float] = {"nf4": 1.0, "fp8": 0.5}
#: The grain of a VAE in bf16 is less than a level of 255: worth less than another model's four bits.
VAE_WEIGHT = 0.5


@dataclass(frozen=True)
class Planned:
    """A model, how it is put on the GPU, and what it then needs at its default size."""

    card: ModelCard
    plan: LoadPlan
    need: Need


@dataclass(frozen=True)
class RackPlan:
    """How each model is put on one GPU."""

    budget: Budget
    planned: Mapping[str, Planned]
    #: Models that can never run here, with the MiB that their smallest form needs.
    too_large: Mapping[str, int]


def plan_for(
    card: ModelCard, budget: Budget, measured: Mapping[str, int] | None = None, shape: Shape | None = None
) -> Planned:
    """The most wanted plan under which this model alone fits.

    Args:
        measured: measured peaks of this model in MiB by `needs.key_of`.
        shape: the job to plan for; the model's default size if None.

    Raises:
        DoesNotFit: not even its smallest form fits; the message has the numbers.
    """
    choices = [
        Planned(card, plan, need_of(card, plan, shape or default_shape(card), measured))
        for plan in plans_of(card, budget)
    ]
    fitting = next((choice for choice in choices if choice.need.peak_mib <= budget.usable_mib), None)
    if fitting is None:
        least = min(choice.need.peak_mib for choice in choices)
        raise DoesNotFit(f"{card.id} needs {least:,} MiB, largest budget {budget.usable_mib:,}", field="model")
    return fitting


def plan_rack(
    cards: list[ModelCard], budget: Budget, measured: Mapping[str, Mapping[str, int]] | None = None
) -> RackPlan:
    """How each of a worker's models is put on its GPU, so that one of each kind can stay loaded together.

    Of each kind the largest model is a guest at the table; the first combination of plans (least given up, the
    image model last to be touched) that seats all guests is taken, and models of the same kind follow their guest.
    Where no combination seats all, every model gets the plan that suits it alone, and they take turns.
    """
    peaks = measured or {}
    alone, too_large = {}, {}
    for card in cards:
        try:
            alone[card.id] = plan_for(card, budget, peaks.get(card.id))
        except DoesNotFit:
            too_large[card.id] = smallest_need_mib(card, budget, peaks.get(card.id))
    seats = _seating([p.card for p in alone.values()], budget, peaks)
    planned = {name: _like_its_guest(p, seats, budget, peaks.get(name)) for name, p in alone.items()}
    return RackPlan(budget, planned, too_large)


def plans_of(card: ModelCard, budget: Budget) -> list[LoadPlan]:
    """The ways to put a model on this GPU, most wanted first, as its mode's row has them.

    Only image models can be offloaded: they have sub-models that take turns.
    """
    rungs = [rung for rung in rungs_of(budget) if card.kind == "generate" or rung.offload == "none"]
    return list(dict.fromkeys(_plan(card, rung, budget) for rung in rungs))


def smallest_need_mib(card: ModelCard, budget: Budget, measured: Mapping[str, int] | None = None) -> int:
    """The MiB that the smallest form of a model needs in this mode."""
    shape = default_shape(card)
    return min(need_of(card, plan, shape, measured).peak_mib for plan in plans_of(card, budget))


def may_stay_together(planned: list[Planned], budget: Budget) -> bool:
    """Whether these models can all stay loaded while any one of them works, and the mode wants it so."""
    large = sum(p.need.weights_mib > LARGE_MIB for p in planned)
    return large <= MODES[budget.mode].max_large_residents and table_mib(planned) <= budget.usable_mib


def table_mib(planned: list[Planned]) -> int:
    """All weights and the largest working room."""
    return sum(p.need.weights_mib for p in planned) + max((p.need.working_mib for p in planned), default=0)


def _plan(card: ModelCard, rung: Rung, budget: Budget) -> LoadPlan:
    """A rung as this model and device can do it; what they cannot do is left out of it."""
    is_image_model = card.kind == "generate"
    return LoadPlan(
        device=budget.device,
        gpu_type=budget.gpu_type,
        precision=_precision(card, rung, budget),
        vae_precision=rung.vae_precision if is_image_model and budget.has_bf16 and not budget.is_cpu else "fp32",
        offload=rung.offload,
        vae_tiling=rung.vae_tiling and is_image_model,
        levers=budget.levers,
    )


def _precision(card: ModelCard, rung: Rung, budget: Budget) -> Precision:
    is_image_model = card.kind == "generate"
    if rung.precision == "nf4" and card.kind in QUANTISED_KINDS:
        return "nf4"
    return "fp8" if rung.precision == "fp8" and is_image_model else _half(is_image_model, budget)


def _half(is_image_model: bool, budget: Budget) -> Precision:
    """Image models are published in fp16, the others in bf16 or fp32. A CPU computes in fp32."""
    if budget.is_cpu:
        return "fp32"
    return "fp16" if is_image_model or not budget.has_bf16 else "bf16"


def _seating(cards: list[ModelCard], budget: Budget, peaks: Mapping[str, Mapping[str, int]]) -> dict[str, Planned]:
    """Kind → its largest model as it is put in the first combination that fits; empty when there is none."""
    guests = {card.kind: card for card in sorted(cards, key=lambda c: c.vram.weights_mib)}
    options = [
        [
            (_given_up(card, plan), Planned(card, plan, _need(card, plan, peaks)))
            for plan in plans_of(card, budget)
            if plan.offload == "none" and not (budget.is_cpu and plan.precision == "nf4")
        ]
        for card in guests.values()
    ]
    for combination in sorted(product(*options), key=lambda c: sum(given_up for given_up, _ in c)):
        seated = [planned for _, planned in combination]
        if may_stay_together(seated, budget):
            return {p.card.kind: p for p in seated}
    return {}


def _given_up(card: ModelCard, plan: LoadPlan) -> float:
    """What a plan costs against the best one."""
    packed = PACKED_WEIGHT.get(plan.precision, 0.0)
    if card.kind != "generate":
        return packed
    return PICTURE_WEIGHT * (plan.vae_tiling + packed) + VAE_WEIGHT * (plan.vae_precision == "bf16")


def _like_its_guest(
    alone: Planned, seats: Mapping[str, Planned], budget: Budget, measured: Mapping[str, int] | None
) -> Planned:
    """Siblings of a guest take its plan; a toy beside a real model does not need to."""
    guest = seats.get(alone.card.kind)
    if guest is None or guest.card.vram.weights_mib > 2 * alone.card.vram.weights_mib:
        return alone
    need = need_of(alone.card, guest.plan, default_shape(alone.card), measured)
    return replace(alone, plan=guest.plan, need=need) if need.peak_mib <= budget.usable_mib else alone


def _need(card: ModelCard, plan: LoadPlan, peaks: Mapping[str, Mapping[str, int]]) -> Need:
    return need_of(card, plan, default_shape(card), peaks.get(card.id))
