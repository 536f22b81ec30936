"""How each model is put on this worker's card now. A model that did not fit is put smaller, and stays so.

The launcher's arithmetic chose the first plan; what really happens on the card may correct it, downwards only: a worker
that went back up would run into the same wall again. A restart of the worker starts from the arithmetic, which then knows
what was measured.
"""

from collections.abc import Callable, Mapping

from shared.catalogue import ModelCard
from workers.load_plan import LoadPlan
from workers.needs import Need, Shape, key_of, need_of
from workers.vram import RackPlan, plans_of

Peaks = Callable[[str], Mapping[str, int]]
Learn = Callable[[str, str, int], None]


class Plans:
    """The current plan of every model of one worker."""

    def __init__(
        self, rack: RackPlan, peaks: Peaks = lambda model: {}, learn: Learn = lambda model, key, mib: None
    ) -> None:
        """
        Args:
            peaks: model → measured peaks in MiB by `needs.key_of`.
            learn: takes a newly measured one: model, key, MiB.
        """
        self.rack = rack
        self._peaks = peaks
        self._learn = learn
        self._shrunk: dict[str, LoadPlan] = {}

    def of(self, card: ModelCard) -> LoadPlan:
        """How the model is (or would be) loaded."""
        return self._shrunk.get(card.id) or self.rack.planned[card.id].plan

    def wanted(self, card: ModelCard) -> LoadPlan:
        """How the arithmetic would have it."""
        return self.rack.planned[card.id].plan

    def put(self, card: ModelCard, plan: LoadPlan) -> None:
        """Load the model this way from the next time on."""
        self._shrunk[card.id] = plan

    def need(self, card: ModelCard, shape: Shape) -> Need:
        """What a job of this size takes under the current plan."""
        return need_of(card, self.of(card), shape, self._peaks(card.id))

    def learn(self, card: ModelCard, shape: Shape, peak_mib: int | None) -> None:
        """A job of this size took so much under the current plan; None: the device does not count."""
        if peak_mib is not None:
            self._learn(card.id, key_of(self.of(card), shape), peak_mib)

    def shrink(self, card: ModelCard) -> LoadPlan | None:
        """Take the next smaller way to put the model; None: this is the smallest."""
        ways = plans_of(card, self.rack.budget)
        current = self.of(card)
        place = ways.index(current) if current in ways else -1
        if place + 1 >= len(ways):
            return None
        self._shrunk[card.id] = ways[place + 1]
        return ways[place + 1]


def what_changed(before: LoadPlan, after: LoadPlan) -> list[str]:
    """What a smaller plan gives up, in the words of a record's `degradations`."""
    given_up = []
    if after.vae_tiling and not before.vae_tiling:
        given_up.append("vae_tiling")
    if after.precision != before.precision:
        given_up.append(f"precision_{after.precision}")
    if after.offload != before.offload:
        given_up.append(f"offload_{after.offload}")
    return given_up
