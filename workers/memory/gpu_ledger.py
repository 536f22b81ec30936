"""What is on one GPU: who holds how much, what a job lacks, and who may leave. Nothing is moved here.

Two count: our own ledger against the budget, and the driver, which also sees other programs. The larger shortage holds.
"""

from shared.rack.worker_registry import Resident
from workers.engines.base import Sharing
from workers.memory.budget import LARGE_MIB
from workers.memory.host_cache import Held
from workers.memory.pass_parts import PassParts
from workers.memory.unload_check import Device


class GpuLedger:
    """The models and parts on one GPU."""

    def __init__(self, budget_mib: int, device: Device, parts: PassParts) -> None:
        self.budget_mib = budget_mib
        self.models: dict[str, Held] = {}
        self.pinned: set[str] = set()
        self.parts = parts
        self._device = device

    @property
    def held_mib(self) -> int:
        """All weights."""
        return sum(held.held_mib for held in list(self.models.values())) + self.parts.held_mib()

    def own_mib(self, model: str) -> int:
        """What a loaded model takes, weights that another one counts included, with the parts its job wants."""
        held = self.models.get(model)
        if held is None:
            return self.parts.wanted_mib
        uses_mib = held.engine.uses_mib() if isinstance(held.engine, Sharing) else held.held_mib
        return uses_mib + self.parts.wanted_mib

    def missing_mib(self, model: str, need_mib: int) -> int:
        """By how much the ledger or the driver falls short of the need; what the model's job has counts as had."""
        own = self.own_mib(model)
        by_ledger = self.held_mib - own + need_mib - self.budget_mib
        free = self._device.free_mib()
        return by_ledger if free is None else max(by_ledger, need_mib - own - free)

    def leavers(self, but: str | None = None) -> list[str]:
        """Models that may leave, longest unused first."""
        names = [n for n, h in self.models.items() if n != but and n not in self.pinned and h.uses == 0]
        return sorted(names, key=lambda name: self.models[name].used_at_s)

    def large(self) -> list[str]:
        """The models that a mode limits."""
        return [name for name, held in self.models.items() if is_large(held)]

    def weigh(self, but: str = "") -> None:
        """Ask all what they hold: models that share weights count them once, and who does so changes."""
        for name, held in self.models.items():
            if name != but:
                held.held_mib = held.engine.held_mib()

    def residents(self, now_s: float) -> list[Resident]:
        """The models as a worker reports them, longest unused last."""
        held = sorted(self.models.items(), key=lambda item: -item[1].used_at_s)
        return [
            Resident(model=name, held_mib=h.held_mib, pinned=name in self.pinned, idle_s=max(0.0, now_s - h.used_at_s))
            for name, h in held
        ]

    def story(self) -> str:
        """Who holds what, for a message."""
        models = [
            f"{name} {held.held_mib:,}{' (pinned)' if name in self.pinned else ' (in use)' if held.uses else ''}"
            for name, held in self.models.items()
        ]
        free = self._device.free_mib()
        driver = "" if free is None else f", the driver has {free:,} MiB free"
        holders = ", ".join([*models, *self.parts.story()]) or "nobody"
        return f"budget {self.budget_mib:,} MiB, held by {holders}{driver}"


def is_large(held: Held) -> bool:
    """Whether a loaded model counts as a large one, also where its weights only visit the GPU."""
    return max(held.held_mib, held.host_mib) > LARGE_MIB
