"""Which models are loaded on this GPU, and which one leaves first.

A model is *resident* when its weights are in VRAM. Loading costs seconds and using costs nothing, so a model is
unloaded only to make room, and then the one unused the longest. Pinned ones stay, and one in use is never touched.
Parts of passes (`pass_parts`) leave before any model, but for those the job at hand wants.

An evicted model goes to a second tier in host RAM if its engine can move there: coming back then costs a copy instead
of a disk read. Offloaded models hold nothing on the GPU between their jobs: they are bounded by that tier's limit. Where
not even one fits it, one is loaded all the same, alone: it could not run otherwise.

Every unload is checked with the driver; memory that does not come back is counted in `leaked_mib`, and the worker should
then recycle its child.

The caller is one thread: a worker's child, between jobs. Torch is not known here; what must be asked of a device comes
in through `Device`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from shared.errors import DoesNotFit, OutOfVram
from shared.models.catalogue import ModelCard
from shared.rack.worker_registry import Resident
from workers.engines.base import Engine
from workers.memory.evictions import Evictions
from workers.memory.gpu_ledger import GpuLedger, is_large
from workers.memory.host_cache import Held, HostCache
from workers.memory.pass_parts import LoadedPart, LoadPart, PassPart, PassParts, no_parts
from workers.memory.unload_check import Device, SilentDevice

T = TypeVar("T")


class Residency:
    """The models and parts on one GPU, and the models in the host RAM behind it."""

    def __init__(
        self,
        load: Callable[[ModelCard], Engine],
        budget_mib: int,
        *,
        device: Device | None = None,
        host_cache_mib: int = 0,
        max_large_residents: int = 16,
        keep_alive_s: float = 1800.0,
        clock_s: Callable[[], float] = time.monotonic,
        wait_s: Callable[[float], object] = time.sleep,
        hash_of: Callable[[ModelCard], str] = lambda card: "",
        load_part: LoadPart = no_parts,
    ) -> None:
        """
        Args:
            load: loads a model's weights; raises OutOfVram when they do not fit.
            budget_mib: room for weights and work together (`Budget.usable_mib`).
            host_cache_mib: RAM for weights that wait for the GPU; 0: evicted ones are dropped.
            max_large_residents: models above LARGE_MIB that may stay loaded at once (`Mode`).
            hash_of: of a model's weights as they lie there now; "" where it cannot be told.
            load_part: loads a part's weights; raises OutOfVram when they do not fit.
        """
        self._load = load
        self._device = device or SilentDevice()
        self._parts = PassParts(load_part, clock_s)
        self._gpu = GpuLedger(budget_mib, self._device, self._parts)
        self._host = HostCache(host_cache_mib, lambda: dict(self._gpu.models))
        self._evictions = Evictions(self._gpu, self._host, self._device, clock_s, wait_s)
        self._max_large = max_large_residents
        self._keep_alive_s = keep_alive_s
        self._now = clock_s
        self._hash_of = hash_of
        #: Model → hash of the weights it was last loaded from.
        self.weights: dict[str, str] = {}

    # -- using -------------------------------------------------------------------------------------------------------

    @contextmanager
    def using(
        self, card: ModelCard, need_mib: int, host_mib: int = 0, parts: Sequence[PassPart] = ()
    ) -> Iterator[Engine]:
        """The loaded model and parts, safe from eviction inside the block. See `engine_for`."""
        engine = self.engine_for(card, need_mib, host_mib, parts)
        held = self._gpu.models[card.id]
        held.uses += 1
        try:
            with self._parts.in_use():
                yield engine
        finally:
            held.uses -= 1
            held.used_at_s = self._now()
            self._gpu.weigh()

    def engine_for(self, card: ModelCard, need_mib: int, host_mib: int = 0, parts: Sequence[PassPart] = ()) -> Engine:
        """The model, loaded, with its job's parts and room to work; others leave for it if they must.

        Args:
            need_mib: its weights, the parts, and the working room of the job to come.
            host_mib: RAM that its offloaded weights take.
            parts: what the job wants beside the model.

        Raises:
            DoesNotFit: more than the whole budget.
            OutOfVram: fits the budget, but pinned models, running ones or other programs hold the room.
        """
        if need_mib > self.budget_mib:
            raise DoesNotFit(f"{card.id} needs {need_mib:,} MiB, largest budget {self.budget_mib:,}", field="model")
        self._parts.want(parts)
        self._evictions.make_room(card.id, need_mib)
        if card.id not in self._gpu.models and card.id not in self._host.names():
            self._evictions.make_host_room(card.id, host_mib)
        held = self._gpu.models.get(card.id) or self._with_others_gone(card.id, lambda: self._fetch(card))
        held.used_at_s = self._now()
        for part in parts:
            self._with_others_gone(card.id, lambda part=part: self._parts.bring(part))  # type: ignore[misc]
        return held.engine

    def part(self, name: str) -> LoadedPart:
        """A part of the job at hand, inside `using`."""
        return self._parts.get(name)

    def start_peak(self) -> None:
        """A job begins: watch how much memory it takes."""
        self._device.start_peak()

    def peak_mib(self, model: str) -> int | None:
        """The most that `model` took since then, weights and its job's parts included; None: the device does not count."""
        peak = self._device.peak_mib()
        return None if peak is None else max(0, peak - (self.held_mib - self._gpu.own_mib(model)))

    # -- commands, between jobs --------------------------------------------------------------------------------------

    def unload(self, model: str | None = None) -> list[str]:
        """Drop one model from both tiers, or all that are not pinned and all parts; which models left. A named one
        loses its pin.

        A model in use stays: commands act between jobs.
        """
        if model is not None:
            self._gpu.pinned.discard(model)
        else:
            self._evictions.drop_parts(self._parts.idle())
        names = [model] if model is not None else [*self._gpu.models, *self._host.names()]
        gone = [name for name in names if name not in self._gpu.pinned and self._evictions.drop(name)]
        return sorted(set(gone))

    def pin(self, model: str) -> None:
        """Never evict it; holds for a model that is loaded later too."""
        self._gpu.pinned.add(model)

    def unpin(self, model: str) -> None:
        self._gpu.pinned.discard(model)

    def evict_others(self, model: str) -> list[str]:
        """Everyone but `model` and its job's parts leaves who may: a rung of the out-of-memory ladder. Who left."""
        return self._evictions.evict_others(model)

    def expire_idle(self) -> list[str]:
        """Unload what was not used for the keep-alive; the host's copies go after twice that. Which models left the
        GPU."""
        now = self._now()
        self._evictions.drop_parts(self._parts.idle(before_s=now - self._keep_alive_s))
        idle = [n for n in self._gpu.leavers() if now - self._gpu.models[n].used_at_s > self._keep_alive_s]
        for name in idle:
            self._evictions.evict(name)
        self._host.drop_unused_since(now - 2 * self._keep_alive_s)
        return idle

    def close(self) -> None:
        """Drop everything, pinned or not."""
        self._gpu.pinned.clear()
        self.unload()

    # -- what is so --------------------------------------------------------------------------------------------------

    @property
    def budget_mib(self) -> int:
        return self._gpu.budget_mib

    def residents(self) -> list[Resident]:
        """The models on the GPU, as a worker reports them, longest unused last."""
        return self._gpu.residents(self._now())

    def in_host(self) -> list[str]:
        """The models that wait in host RAM."""
        return self._host.names()

    @property
    def held_mib(self) -> int:
        """VRAM of all weights, parts included."""
        return self._gpu.held_mib

    @property
    def leaked_mib(self) -> int:
        """Memory that unloads did not bring back; above 0 the worker should recycle its child."""
        return self._evictions.leaked_mib

    @property
    def host_held_mib(self) -> int:
        """RAM that weights take: of waiting and offloaded models, and copies of those on the GPU."""
        return self._host.held_mib

    # -- inside ------------------------------------------------------------------------------------------------------

    def _with_others_gone(self, model: str, load: Callable[[], T]) -> T:
        """Load; where that does not fit, once more with all others gone."""
        try:
            return load()
        except OutOfVram:
            if not self._evictions.evict_others(model):
                raise
            self._device.free_cache()
            return load()

    def _fetch(self, card: ModelCard) -> Held:
        waiting = self._host.give_back(card.id)
        engine = self._load_fresh(card) if waiting is None else waiting
        held = self._gpu.models[card.id] = Held(engine, engine.held_mib(), self._now())
        self._gpu.weigh()
        if is_large(held):
            self._keep_few_large(card.id)
        return held

    def _load_fresh(self, card: ModelCard) -> Engine:
        engine = self._load(card)
        self.weights[card.id] = self._hash_of(card)
        return engine

    def _keep_few_large(self, newest: str) -> None:
        """The mode may want fewer large models loaded than would fit."""
        large = self._gpu.large()
        leavers = [name for name in self._gpu.leavers(newest) if name in large]
        for name in leavers[: max(0, len(large) - self._max_large)]:
            self._evictions.evict(name)
