"""Evicted models that wait in host RAM: coming back costs a copy over the bus instead of a read from disk.

Bounded in MiB; the longest unused is dropped first. Only engines that can move there (`Movable`) get in.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shared.errors import OutOfVram
from workers.engines.base import Engine


@runtime_checkable
class Movable(Protocol):
    """An engine that can wait in host RAM and come back."""

    def to_host(self) -> None:
        """Leave the card; raises MemoryError (or OutOfVram) and stays usable where the host has no room."""
        ...

    def to_device(self) -> None:
        """Come back; raises OutOfVram and stays in host RAM where the card has no room."""
        ...


@dataclass
class Held:
    """A loaded model, on the card or in host RAM."""

    engine: Engine
    held_mib: int
    used_at_s: float
    #: How many `using` blocks are open.
    uses: int = 0


class HostCache:
    """The second tier."""

    def __init__(self, limit_mib: int) -> None:
        self._limit_mib = limit_mib
        self._waiting: dict[str, Held] = {}

    @property
    def held_mib(self) -> int:
        return sum(held.held_mib for held in list(self._waiting.values()))

    def names(self) -> list[str]:
        return list(self._waiting)

    def take_in(self, name: str, held: Held, *, coming: str | None = None) -> bool:
        """Move a model off the card and keep it; others leave for it. False: it cannot, or there is no room.

        Args:
            coming: the model that it leaves the card for; a copy of that one stays, it is about to be used.
        """
        leavers = sorted((n for n in self._waiting if n != coming), key=lambda n: self._waiting[n].used_at_s)
        room_mib = self._limit_mib - (self._waiting[coming].held_mib if coming in self._waiting else 0)
        if not isinstance(held.engine, Movable) or held.held_mib > room_mib:
            return False
        while self.held_mib + held.held_mib > self._limit_mib:
            self.drop(leavers.pop(0))
        try:
            held.engine.to_host()
        except (MemoryError, OutOfVram):
            return False
        self._waiting[name] = held
        return True

    def give_back(self, name: str) -> Engine | None:
        """Move a model onto the card again; None: it is not here. Raises OutOfVram and keeps it."""
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
