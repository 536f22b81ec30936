"""Parts that belong to a pass and not to the table: a control net, an adapter's weights.

A part is on the GPU beside its model while jobs want it. It is no model: as a kind of its own it would sit at the table,
and one of 2.4 GiB pushed SDXL from half precision to four bits for every job. So

1. planning does not know parts. How a model is put depends on models alone (`planner` plans for `default_shape`);
2. a job says which parts it wants (`Shape.parts`); they count in its own need, and others leave for it;
3. a part that the job at hand does not want leaves before any model does.

The limit: a part has no copy in host RAM, it comes from disk each time.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PassPart:
    """One part, as a job's size names it."""

    #: Of this version of its weights: the same name is the same part.
    name: str
    #: On the GPU while it is loaded.
    weights_mib: int
    #: What a pass takes more while it runs with it.
    working_mib: int = 0


class LoadedPart(Protocol):
    """A part on the GPU."""

    def held_mib(self) -> int:
        """VRAM its weights take now."""
        ...

    def close(self) -> None:
        """Drop everything; the memory is free afterwards."""
        ...


#: Loads a part's weights; raises OutOfVram when they do not fit.
LoadPart = Callable[[PassPart], LoadedPart]


def no_parts(part: PassPart) -> LoadedPart:
    """What loads parts where no engine has any."""
    raise LookupError(f"nothing here loads the part {part.name}")


@dataclass
class _Held:
    part: LoadedPart
    used_at_s: float


class PassParts:
    """The parts on one GPU, and which of them the job at hand wants."""

    def __init__(self, load: LoadPart, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._now = clock_s
        self._held: dict[str, _Held] = {}
        self._wanted: frozenset[str] = frozenset()
        self._is_running = False

    def want(self, parts: Sequence[PassPart]) -> None:
        """The next pass, and its repetitions on the ladder, go with these and no others."""
        self._wanted = frozenset(part.name for part in parts)

    def bring(self, part: PassPart) -> None:
        """Onto the GPU. Raises OutOfVram when it does not fit."""
        if part.name not in self._held:
            self._held[part.name] = _Held(self._load(part), self._now())

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A pass runs inside the block: what it wants stays."""
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False
            for name in self._wanted & self._held.keys():
                self._held[name].used_at_s = self._now()

    def drop(self, name: str) -> None:
        """Off the GPU."""
        self._held.pop(name).part.close()

    # -- what is so --------------------------------------------------------------------------------------------------

    def get(self, name: str) -> LoadedPart:
        """A loaded part, for the pass that wants it."""
        return self._held[name].part

    def held_mib(self, but: str = "") -> int:
        """Of all that are loaded."""
        return sum(held.part.held_mib() for name, held in self._held.items() if name != but)

    @property
    def wanted_mib(self) -> int:
        """Of those the job at hand wants, as far as they are loaded."""
        return sum(self.get(name).held_mib() for name in self._wanted & self._held.keys())

    def leavers(self) -> list[str]:
        """Parts that the job at hand does not want, longest unused first."""
        unwanted = [name for name in self._held if name not in self._wanted]
        return sorted(unwanted, key=lambda name: self._held[name].used_at_s)

    def idle(self, before_s: float = math.inf) -> list[str]:
        """Parts last used before then that no running pass uses."""
        free = self.leavers() if self._is_running else list(self._held)
        return [name for name in free if self._held[name].used_at_s < before_s]

    def story(self) -> list[str]:
        """Who holds what, for a message."""
        return [f"{name} {held.part.held_mib():,}" for name, held in self._held.items()]
