"""How each model is put on this worker's GPU now. A model that did not fit is put smaller, and stays so.

The launcher's arithmetic chose the first plan; what really happens on the GPU may correct it, downwards only: a worker
that went back up would run into the same wall again. The same holds for a model that overflowed in fp16. A restart of the
worker starts from the arithmetic, which then knows what was measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from shared.models.catalogue import ModelCard
from workers.engines.base import LoadPlan, Precision
from workers.memory.needs import Need, key_of, need_of
from workers.memory.planner import RackPlan, plans_of
from workers.memory.shapes import Shape

#: From a precision whose arithmetic may overflow to one with fp32's range. (nf4 → bf16 is offload's, not an upcast.)
UPCASTS = {("fp16", "bf16"), ("fp16", "fp32"), ("fp8", "bf16"), ("fp8", "fp32"), ("nf4", "fp32")}

#: How weights are kept that are computed with in half precision.
PACKED: tuple[Precision, ...] = ("nf4", "fp8")

Peaks = Callable[[str], Mapping[str, int]]
AddPeak = Callable[[str, str, int], None]


class CurrentPlans:
    """The current plan of every model of one worker."""

    def __init__(
        self, rack: RackPlan, peaks: Peaks = lambda model: {}, add_peak: AddPeak = lambda model, key, mib: None
    ) -> None:
        """
        Args:
            peaks: model → measured peaks in MiB by `needs.key_of`.
            add_peak: takes a newly measured one: model, key, MiB.
        """
        self.rack = rack
        self._peaks = peaks
        self._add_peak = add_peak
        self._shrunk: dict[str, LoadPlan] = {}
        self._upcast: set[str] = set()

    def of(self, card: ModelCard) -> LoadPlan:
        """How the model is (or would be) loaded."""
        return self._widened(card, self._shrunk.get(card.id) or self.rack.planned[card.id].plan)

    def wanted(self, card: ModelCard) -> LoadPlan:
        """How the arithmetic would have it."""
        return self.rack.planned[card.id].plan

    def put(self, card: ModelCard, plan: LoadPlan) -> None:
        """Load the model this way from the next time on."""
        self._shrunk[card.id] = plan

    def need(self, card: ModelCard, shape: Shape) -> Need:
        """What a job of this size takes under the current plan."""
        return need_of(card, self.of(card), shape, self._peaks(card.id))

    def add_peak(self, card: ModelCard, shape: Shape, peak_mib: int | None) -> None:
        """A job of this size took so much under the current plan; None: the device does not count."""
        if peak_mib is not None:
            self._add_peak(card.id, key_of(self.of(card), shape), peak_mib)

    def shrink(self, card: ModelCard) -> LoadPlan | None:
        """Take the next smaller way to put the model; None: this is the smallest."""
        ways = list(dict.fromkeys(self._widened(card, way) for way in plans_of(card, self.rack.budget)))
        current = self.of(card)
        place = ways.index(current) if current in ways else -1
        if place + 1 >= len(ways):
            return None
        self._shrunk[card.id] = ways[place + 1]
        return ways[place + 1]

    def upcast(self, card: ModelCard) -> LoadPlan | None:
        """Compute in a wider range from now on: fp16 overflowed. None: it has a wide one already."""
        if card.id in self._upcast or self._precision_wider_than(self.of(card)) is None:
            return None
        self._upcast.add(card.id)
        return self.of(card)

    def _widened(self, card: ModelCard, plan: LoadPlan) -> LoadPlan:
        wider = self._precision_wider_than(plan) if card.id in self._upcast else None
        return plan if wider is None else replace(plan, precision=wider)

    def _precision_wider_than(self, plan: LoadPlan) -> Precision | None:
        """bf16 and fp32 have one range; four bits compute in bf16 where there is any, else in fp16."""
        budget = self.rack.budget
        computes_in_fp16 = plan.precision in ("fp16", "fp8") or (plan.precision == "nf4" and not budget.has_bf16)
        if budget.is_cpu or not computes_in_fp16:
            return None
        return "bf16" if budget.has_bf16 else "fp32"


def computes_alike(kind: str, one: Precision, other: Precision) -> bool:
    """Whether what was begun in one precision may go on in the other, because activations are of one type in both. Pure.

    Args:
        kind: of the model. Packed weights of image models are computed with in fp16, others' in what the GPU has.
    """
    unpacked = {precision for precision in (one, other) if precision not in PACKED}
    halves = {"fp16"} if kind == "generate" else {"fp16", "bf16"}
    return one == other or (len(unpacked) < 2 and unpacked <= halves)


def what_changed(before: LoadPlan, after: LoadPlan) -> list[str]:
    """What a smaller plan gives up, in the words of a record's `degradations`.

    A VAE that is exact again because it now works in tiles gives nothing up.
    """
    given_up = []
    if after.vae_tiling and not before.vae_tiling:
        given_up.append("vae_tiling")
    if after.vae_precision != before.vae_precision and after.vae_precision == "bf16":
        given_up.append("vae_precision_bf16")
    if (before.precision, after.precision) in UPCASTS:
        given_up.append("upcast")
    elif after.precision != before.precision:
        given_up.append(f"precision_{after.precision}")
    if after.offload != before.offload:
        given_up.append(f"offload_{after.offload}")
    return given_up
