"""The memory budget of one card: what a model and a job need, and how a model is put so that it fits. Arithmetic only.

A budget is what is left of the card after the system's reserve. A need is weights (held while the model is loaded)
plus working room (taken while a job runs; one job runs at a time, so residents share one working room). Needs are
computed from parameter counts until runs have measured them; a measured one always wins.

`MODES` is the one table of quantities behind low, balanced and high. Its rungs are tried from the left, and the first
that fits is taken: that is the whole policy. The same functions serve the worker and `darkroom plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from shared.errors import DoesNotFit
from shared.models.catalogue import ModelCard
from workers.engines.base import LoadPlan, Offload, Precision, VaePrecision
from workers.memory.needs import Need, Shape, default_shape, need_of

#: CUDA context, cuBLAS and cuDNN handles of one process (published 300–500 MiB on Ampere and newer, CUDA 12).
CONTEXT_MIB = 450
#: What fragmentation and the allocator's rounding may cost, of the whole card. Torch rounds large blocks to 2 MiB.
MARGIN_SHARE = 0.03
#: Taggers and raters are small and mostly convolutions: four bits would gain nothing.
QUANTISED_KINDS = ("generate", "analyze")
#: Models above this count against a mode's `max_large_residents`.
LARGE_MIB = 1024
#: In a seating, tiles or four bits of an image model weigh as much as four bits of so many others: its pictures show it.
PICTURE_WEIGHT = 4.0
#: The grain of a VAE in bf16 is less than a level of 255: worth less than another model's four bits.
VAE_WEIGHT = 0.5


@dataclass(frozen=True)
class Rung:
    """One way to put a model on a card."""

    #: What half precision is, the model says: fp16 for image models, bf16 for the others where the card has it.
    precision: Literal["half", "nf4"]
    offload: Offload = "none"
    vae_tiling: bool = False
    #: fp32 decodes without the grain of bf16 and takes twice the room; cards without bf16 know nothing else.
    vae_precision: VaePrecision = "bf16"


@dataclass(frozen=True)
class Mode:
    """One row of the table."""

    #: Left to the desktop and to other programs.
    reserve_mib: int
    #: Ways to put a model, most wanted first.
    rungs: tuple[Rung, ...]
    #: Models above LARGE_MIB that may stay loaded at once; the budget limits them too.
    max_large_residents: int


_EXACT, _PLAIN = Rung("half", vae_precision="fp32"), Rung("half")
_EXACT_TILED, _TILED = Rung("half", vae_tiling=True, vae_precision="fp32"), Rung("half", vae_tiling=True)
_NF4, _NF4_OFFLOADED = Rung("nf4", vae_tiling=True), Rung("nf4", "model", vae_tiling=True)
_OFFLOADED, _LAYERWISE = Rung("half", "model", vae_tiling=True), Rung("half", "sequential", vae_tiling=True)
#: Nothing but the VAE gives way in these.
_WHOLE = (_EXACT, _PLAIN, _EXACT_TILED, _TILED)

#: The modes. Low keeps the card usable for a desktop, high keeps every weight as it was trained.
MODES: Mapping[str, Mode] = {
    "low": Mode(reserve_mib=2048, max_large_residents=1, rungs=(_NF4, _NF4_OFFLOADED, _LAYERWISE)),
    "balanced": Mode(reserve_mib=1024, max_large_residents=8, rungs=(*_WHOLE, _NF4, _OFFLOADED, _LAYERWISE)),
    "high": Mode(reserve_mib=512, max_large_residents=16, rungs=(*_WHOLE, _OFFLOADED, _LAYERWISE)),
}


#: On a CPU four bits save memory and cost a lot of time: only where nothing else fits, whatever the mode.
CPU_RUNGS = (_EXACT, _EXACT_TILED, _NF4)


@dataclass(frozen=True)
class Budget:
    """What one worker may use of one card."""

    device: str
    mode: str
    total_mib: int
    reserve_mib: int
    #: All that the process may take, its context included.
    limit_mib: int
    context_mib: int
    margin_mib: int
    has_bf16: bool = True
    #: The kind of card, by which measured peaks are kept.
    gpu_type: str = "cpu"

    @property
    def usable_mib(self) -> int:
        """Room for weights and work."""
        return max(0, self.limit_mib - self.context_mib - self.margin_mib)

    @property
    def process_mib(self) -> int:
        """What torch may reserve in this process; it does not count the context."""
        return max(0, self.limit_mib - self.context_mib)

    @property
    def is_cpu(self) -> bool:
        return self.device == "cpu"


@dataclass(frozen=True)
class Planned:
    """A model, how it is put on the card, and what it then needs at its default size."""

    card: ModelCard
    plan: LoadPlan
    need: Need


@dataclass(frozen=True)
class RackPlan:
    """How each model is put on one card."""

    budget: Budget
    planned: Mapping[str, Planned]
    #: Models that can never run here, with the MiB that their smallest form needs.
    too_large: Mapping[str, int]


def budget_for(
    total_mib: int,
    mode: str = "balanced",
    *,
    device: str = "cuda:0",
    budget_mib: int | None = None,
    reserve_mib: int | None = None,
    has_bf16: bool = True,
    gpu_type: str = "cpu",
) -> Budget:
    """The budget of a card; `budget_mib` and `reserve_mib` (from the settings) win over the mode's row."""
    reserve = MODES[mode].reserve_mib if reserve_mib is None else reserve_mib
    limit = max(0, total_mib - reserve)
    limit = limit if budget_mib is None else min(limit, budget_mib)
    is_cpu = device == "cpu"
    return Budget(
        device=device,
        mode=mode,
        total_mib=total_mib,
        reserve_mib=reserve,
        limit_mib=limit,
        context_mib=0 if is_cpu else CONTEXT_MIB,
        margin_mib=round(MARGIN_SHARE * limit),
        has_bf16=has_bf16,
        gpu_type=gpu_type,
    )


def free_mib(budget: Budget, held_mib: int, driver_free_mib: int | None) -> int:
    """What may still be taken: the smaller of what the driver has and what our ledger allows."""
    ours = budget.usable_mib - held_mib
    return max(0, ours if driver_free_mib is None else min(ours, driver_free_mib))


def plans_of(card: ModelCard, budget: Budget) -> list[LoadPlan]:
    """The ways to put a model on this card, most wanted first, as its mode's row has them.

    Only image models can be offloaded: they have sub-models that take turns.
    """
    wanted = CPU_RUNGS if budget.is_cpu else MODES[budget.mode].rungs
    rungs = [rung for rung in wanted if card.kind == "generate" or rung.offload == "none"]
    return list(dict.fromkeys(_plan(card, rung, budget) for rung in rungs))


def plan_for(
    card: ModelCard, budget: Budget, learned: Mapping[str, int] | None = None, shape: Shape | None = None
) -> Planned:
    """The most wanted plan under which this model alone fits.

    Args:
        learned: measured peaks of this model in MiB by `needs.key_of`.
        shape: the job to plan for; the model's default size if None.

    Raises:
        DoesNotFit: not even its smallest form fits; the message has the numbers.
    """
    choices = [
        Planned(card, plan, need_of(card, plan, shape or default_shape(card), learned))
        for plan in plans_of(card, budget)
    ]
    fitting = next((choice for choice in choices if choice.need.peak_mib <= budget.usable_mib), None)
    if fitting is None:
        least = min(choice.need.peak_mib for choice in choices)
        raise DoesNotFit(f"{card.id} needs {least:,} MiB, largest budget {budget.usable_mib:,}", field="model")
    return fitting


def plan_rack(
    cards: list[ModelCard], budget: Budget, learned: Mapping[str, Mapping[str, int]] | None = None
) -> RackPlan:
    """How each of a worker's models is put on its card, so that one of each kind can stay loaded together.

    Of each kind the largest model is a guest at the table; the first combination of plans (least given up, the
    image model last to be touched) that seats all guests is taken, and models of the same kind follow their guest.
    Where no combination seats all, every model gets the plan that suits it alone, and they take turns.
    """
    peaks = learned or {}
    alone, too_large = {}, {}
    for card in cards:
        try:
            alone[card.id] = plan_for(card, budget, peaks.get(card.id))
        except DoesNotFit:
            too_large[card.id] = smallest_need_mib(card, budget, peaks.get(card.id))
    seats = _seating([p.card for p in alone.values()], budget, peaks)
    planned = {name: _like_its_guest(p, seats, budget, peaks.get(name)) for name, p in alone.items()}
    return RackPlan(budget, planned, too_large)


def smallest_need_mib(card: ModelCard, budget: Budget, learned: Mapping[str, int] | None = None) -> int:
    """The MiB that the smallest form of a model needs in this mode."""
    shape = default_shape(card)
    return min(need_of(card, plan, shape, learned).peak_mib for plan in plans_of(card, budget))


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
    is_packed = rung.precision == "nf4" and card.kind in QUANTISED_KINDS
    return LoadPlan(
        device=budget.device,
        gpu_type=budget.gpu_type,
        precision="nf4" if is_packed else _half(is_image_model, budget),
        vae_precision=rung.vae_precision if is_image_model and budget.has_bf16 and not budget.is_cpu else "fp32",
        offload=rung.offload,
        vae_tiling=rung.vae_tiling and is_image_model,
    )


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
    is_packed = plan.precision == "nf4"
    if card.kind != "generate":
        return float(is_packed)
    return PICTURE_WEIGHT * (plan.vae_tiling + is_packed) + VAE_WEIGHT * (plan.vae_precision == "bf16")


def _like_its_guest(
    alone: Planned, seats: Mapping[str, Planned], budget: Budget, learned: Mapping[str, int] | None
) -> Planned:
    """Siblings of a guest take its plan; a toy beside a real model does not need to."""
    guest = seats.get(alone.card.kind)
    if guest is None or guest.card.vram.weights_mib > 2 * alone.card.vram.weights_mib:
        return alone
    need = need_of(alone.card, guest.plan, default_shape(alone.card), learned)
    return replace(alone, plan=guest.plan, need=need) if need.peak_mib <= budget.usable_mib else alone


def _need(card: ModelCard, plan: LoadPlan, peaks: Mapping[str, Mapping[str, int]]) -> Need:
    return need_of(card, plan, default_shape(card), peaks.get(card.id))
