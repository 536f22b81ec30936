"""Models that wait in host RAM, and what those on the GPU have there: coming back costs a copy over the bus instead of a
read from disk.

Weights never change, so one copy in host RAM serves for good: a model that came back to the GPU may leave it there, and
its next way off costs nothing. Offloaded models live here altogether. All of it is bounded by one limit in MiB. What has
to make room gives it in this order: spare copies of models on the GPU (they can be copied again), then waiting models,
each time the longest unused first. Only engines that can move (`Movable`) get in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shared.errors import OutOfVram
from workers.engines.base import Engine


@runtime_checkable
class Movable(Protocol):
    """An engine that can wait in host RAM and come back."""

    def to_host(self) -> None:
        """Leave the GPU; raises MemoryError (or OutOfVram) and stays usable where the host has no room."""
        ...

    def to_device(self) -> None:
        """Come back; raises OutOfVram and stays in host RAM where the GPU has no room."""
        ...

    def host_mib(self) -> int:
        """RAM that its weights take now, wherever it is; on a CPU 0, because that RAM is the GPU."""
        ...

    def forget_host(self) -> None:
        """Give up what it has in host RAM beside the GPU; nothing where it needs it (it waits, or is offloaded)."""
        ...


@dataclass
class Held:
    """A loaded model, on the GPU or in host RAM."""

    engine: Engine
    held_mib: int
    used_at_s: float
    #: How many `using` blocks are open.
    uses: int = 0

    @property
    def host_mib(self) -> int:
        return self.engine.host_mib() if isinstance(self.engine, Movable) else 0


class HostCache:
    """The second tier."""

    def __init__(self, limit_mib: int, on_gpu: Callable[[], Mapping[str, Held]] = dict) -> None:
        """
        Args:
            on_gpu: the models of the first tier, whose host RAM counts here.
        """
        self._limit_mib = limit_mib
        self._on_gpu = on_gpu
        self._waiting: dict[str, Held] = {}

    @property
    def held_mib(self) -> int:
        """All RAM that weights take: of waiting and of offloaded models, and copies of those on the GPU."""
        return sum(held.host_mib for held in [*self._waiting.values(), *self._on_gpu().values()])

    def names(self) -> list[str]:
        return list(self._waiting)

    def take_in(self, name: str, held: Held, *, coming: str | None = None) -> bool:
        """Move a model off the GPU and keep it; others leave for it. False: it cannot, or there is no room.

        Args:
            coming: the model that it leaves the GPU for; a copy of that one stays, it is about to be used.
        """
        if not isinstance(held.engine, Movable) or self._limit_mib <= 0:
            return False
        copied_mib = max(0, held.held_mib - held.host_mib)
        kept_mib = sum(self._waiting[n].host_mib for n in [coming] if n in self._waiting) + held.host_mib
        if copied_mib + kept_mib > self._limit_mib or not self.make_room(copied_mib, keep=(name, coming)):
            return False
        try:
            held.engine.to_host()
        except (MemoryError, OutOfVram):
            return False
        self._waiting[name] = held
        return True

    def make_room(self, needed_mib: int, *, keep: Iterable[str | None] = ()) -> bool:
        """Give up copies and waiting models until so much more fits; False: it does not.

        Args:
            keep: models that nothing is taken from.
        """
        spared = set(keep)
        for spare in _longest_unused(self._on_gpu(), spared):
            if self.has_room(needed_mib):
                return True
            if isinstance(spare.engine, Movable):
                spare.engine.forget_host()
        for name in [held.engine.card.id for held in _longest_unused(self._waiting, spared)]:
            if self.has_room(needed_mib):
                return True
            self.drop(name)
        return self.has_room(needed_mib)

    def has_room(self, needed_mib: int) -> bool:
        return self.held_mib + needed_mib <= self._limit_mib

    def give_back(self, name: str) -> Engine | None:
        """Move a model onto the GPU again; None: it is not here. Raises OutOfVram and keeps it."""
        held = self._waiting.get(name)
        if held is None:
            return None
        if isinstance(held.engine, Movable):
            held.engine.to_device()
        del self._waiting[name]
        return held.engine

    def drop(self, name: str) -> bool:
        """Close a model that waits here; False: none does."""
        held = self._waiting.pop(name, None)
        if held is None:
            return False
        held.engine.close()
        return True

    def drop_unused_since(self, time_s: float) -> list[str]:
        """Close those last used before then; who went."""
        old = [name for name, held in self._waiting.items() if held.used_at_s < time_s]
        for name in old:
            self.drop(name)
        return old


def _longest_unused(models: Mapping[str, Held], spared: set[str | None]) -> list[Held]:
    return sorted((held for name, held in models.items() if name not in spared), key=lambda held: held.used_at_s)
