"""Residency without a GPU: small real engines that take numbers instead of memory, and a GPU that keeps count."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import OutOfVram
from shared.models.catalogue import ModelCard, Source, Vram
from workers.engines.base import Engine
from workers.memory.pass_parts import PassPart
from workers.memory.residency import Residency


def card(name: str, mib: int) -> ModelCard:
    return ModelCard(
        id=name,
        kind="analyze",
        engine="any",
        title=name,
        summary="",
        licence="MIT",
        source=Source(path=f"/models/{name}"),
        vram=Vram(weights_mib=mib, peak_mib=mib),
    )


LARGE, SMALL, OTHER = card("large", 7000), card("small", 2000), card("other", 5000)


@dataclass
class FakeGpu:
    """A GPU of a size that counts what is on it. `keeps_mib` of each unload never comes back."""

    total_mib: int = 12_000
    used_mib: int = 0
    keeps_mib: int = 0
    silent: bool = False
    #: Whether our own share is counted, and what others hold.
    counts: bool = False
    foreign_mib: int = 0

    def free_mib(self) -> int | None:
        return None if self.silent else self.total_mib - self.used_mib

    def own_mib(self) -> int | None:
        return self.used_mib - self.foreign_mib if self.counts else None

    def free_cache(self) -> None:
        return None


@dataclass
class PlainEngine:
    card: ModelCard
    device: FakeGpu
    closed: bool = False

    def __post_init__(self) -> None:
        self._take()

    def held_mib(self) -> int:
        return self.card.vram.weights_mib

    def close(self) -> None:
        self.closed = True
        self.device.used_mib -= self.held_mib() - self.device.keeps_mib

    def _take(self) -> None:
        if self.device.used_mib + self.held_mib() > self.device.total_mib:
            raise OutOfVram(f"{self.card.id} does not load")
        self.device.used_mib += self.held_mib()


@dataclass
class MovingEngine(PlainEngine):
    on_card: bool = True
    has_copy: bool = False
    #: Ways off the GPU that cost a copy.
    copies: int = 0

    def host_mib(self) -> int:
        return self.held_mib() if self.has_copy else 0

    def forget_host(self) -> None:
        self.has_copy = self.has_copy and not self.on_card

    def to_host(self) -> None:
        self.device.used_mib -= self.held_mib()
        self.on_card = False
        self.copies += not self.has_copy
        self.has_copy = True

    def to_device(self) -> None:
        self._take()
        self.on_card = True

    def close(self) -> None:
        if self.on_card:
            super().close()
        self.closed = True


@dataclass
class OffloadedEngine(PlainEngine):
    """Its weights only visit the card."""

    def held_mib(self) -> int:
        return 0

    def host_mib(self) -> int:
        return 0 if self.closed else self.card.vram.weights_mib

    def forget_host(self) -> None:
        return None

    def to_host(self) -> None:
        return None

    def to_device(self) -> None:
        return None


@dataclass
class FakePart:
    """Weights beside a model that only count."""

    part: PassPart
    device: FakeGpu
    closed: bool = False

    def __post_init__(self) -> None:
        if self.device.used_mib + self.held_mib() > self.device.total_mib:
            raise OutOfVram(f"{self.part.name} does not load")
        self.device.used_mib += self.held_mib()

    def held_mib(self) -> int:
        return self.part.weights_mib

    def close(self) -> None:
        self.closed = True
        self.device.used_mib -= self.held_mib() - self.device.keeps_mib


@dataclass
class Rig:
    """A residency with all its surroundings at hand."""

    budget_mib: int = 12_000
    host_cache_mib: int = 0
    engine: type[PlainEngine] = PlainEngine
    max_large_residents: int = 16
    device: FakeGpu = field(default_factory=FakeGpu)
    now_s: float = 0.0
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.residency = Residency(
            self._load,
            self.budget_mib,
            device=self.device,
            host_cache_mib=self.host_cache_mib,
            max_large_residents=self.max_large_residents,
            keep_alive_s=60.0,
            clock_s=lambda: self.now_s,
            wait_s=lambda seconds: self.wait(seconds),
            hash_of=lambda model: f"hash {len(self.loads)}",
            load_part=self._load_part,
        )

    def _load(self, model: ModelCard) -> Engine:
        self.loads.append(model.id)
        return self.engine(model, self.device)

    def _load_part(self, part: PassPart) -> FakePart:
        self.loads.append(part.name)
        return FakePart(part, self.device)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def use(self, model: ModelCard, working_mib: int = 0, parts: Sequence[PassPart] = ()) -> PlainEngine:
        """One job a second."""
        self.now_s += 1.0
        need_mib = model.vram.weights_mib + working_mib + sum(part.weights_mib for part in parts)
        with self.residency.using(model, need_mib, parts=parts) as engine:
            assert isinstance(engine, PlainEngine)
            return engine

    def names(self) -> set[str]:
        return {resident.model for resident in self.residency.residents()}
