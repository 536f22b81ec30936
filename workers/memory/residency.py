"""Which models are loaded on this card, and which one leaves first.

A model is *resident* when its weights are in VRAM. Loading costs seconds and using costs nothing, so a model is
unloaded only to make room, and then the one unused the longest. Pinned ones stay, and one in use is never touched.

An evicted model goes to a second tier in host RAM if its engine can move there: coming back then costs a copy instead
of a disk read. Offloaded models hold nothing on the card between their jobs: they are bounded by that tier's limit. Where
not even one fits it, one is loaded all the same, alone: it could not run otherwise.

Every unload is checked with the driver; memory that does not come back is counted in `leaked_mib`, and the worker should
then recycle its child.

The caller is one thread: a worker's child, between jobs. Torch is not known here; what must be asked of a device comes
in through `Device`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.errors import DoesNotFit, OutOfVram
from shared.models.catalogue import ModelCard
from shared.rack.worker_registry import Resident
from workers.engines.base import Engine, Sharing
from workers.memory.budget import LARGE_MIB
from workers.memory.host_cache import Held, HostCache
from workers.memory.unload_check import Device, SilentDevice, missing_after


class Residency:
    """The models of one card, and of the host RAM behind it."""

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
    ) -> None:
        """
        Args:
            load: loads a model's weights; raises OutOfVram when they do not fit.
            budget_mib: room for weights and work together (`vram.Budget.usable_mib`).
            host_cache_mib: RAM for weights that wait for the card; 0: evicted ones are dropped.
            max_large_residents: models above LARGE_MIB that may stay loaded at once (`vram.Mode`).
            hash_of: of a model's weights as they lie there now; "" where it cannot be told.
        """
        self._load = load
        self.budget_mib = budget_mib
        self._device = device or SilentDevice()
        self._host = HostCache(host_cache_mib, lambda: dict(self._on_gpu))
        self._max_large = max_large_residents
        self._keep_alive_s = keep_alive_s
        self._now = clock_s
        self._wait = wait_s
        self._hash_of = hash_of
        #: Model → hash of the weights it was last loaded from.
        self.weights: dict[str, str] = {}
        self._on_gpu: dict[str, Held] = {}
        self._pinned: set[str] = set()
        #: Memory that unloads did not bring back; above 0 the worker should recycle its child.
        self.leaked_mib = 0

    # -- using -------------------------------------------------------------------------------------------------------

    @contextmanager
    def using(self, card: ModelCard, need_mib: int, host_mib: int = 0) -> Iterator[Engine]:
        """The loaded model, safe from eviction inside the block. See `engine_for`."""
        engine = self.engine_for(card, need_mib, host_mib)
        held = self._on_gpu[card.id]
        held.uses += 1
        try:
            yield engine
        finally:
            held.uses -= 1
            held.used_at_s = self._now()
            self._weigh()

    def engine_for(self, card: ModelCard, need_mib: int, host_mib: int = 0) -> Engine:
        """The model, loaded, with room to work; others leave for it if they must.

        Args:
            need_mib: its weights and the working room of the job to come.
            host_mib: RAM that its offloaded weights take.

        Raises:
            DoesNotFit: more than the whole budget.
            OutOfVram: fits the budget, but pinned models, running ones or other programs hold the room.
        """
        if need_mib > self.budget_mib:
            raise DoesNotFit(f"{card.id} needs {need_mib:,} MiB, largest budget {self.budget_mib:,}", field="model")
        self.make_room(card.id, need_mib)
        if card.id not in self._on_gpu and card.id not in self._host.names():
            self._make_host_room(card.id, host_mib)
        held = self._on_gpu.get(card.id) or self._bring(card)
        held.used_at_s = self._now()
        return held.engine

    def start_peak(self) -> None:
        """A job begins: watch how much memory it takes."""
        self._device.start_peak()

    def peak_mib(self, model: str) -> int | None:
        """The most that `model` took since then, its weights included; None where the device does not count."""
        peak = self._device.peak_mib()
        return None if peak is None else max(0, peak - (self.held_mib - self._own_mib(model)))

    def make_room(self, model: str, need_mib: int) -> list[str]:
        """Evict, the longest unused first, until `model` could work; who left.

        Raises:
            OutOfVram: nobody is left who may leave, and it is still not enough.
        """
        gone = []
        while (missing := self._missing_mib(model, need_mib)) > 0:
            leaver = next((name for name in self._leavers(model) if self._on_gpu[name].held_mib > 0), None)
            if leaver is None:
                raise OutOfVram(f"{model} needs {need_mib:,} MiB, {missing:,} MiB more than is free: {self._story()}")
            self._evict(leaver, coming=model)
            gone.append(leaver)
        return gone

    # -- orders, between jobs ----------------------------------------------------------------------------------------

    def unload(self, model: str | None = None) -> list[str]:
        """Drop one model from both tiers, or all that are not pinned; who left. A named one loses its pin.

        A model in use stays: orders act between jobs.
        """
        if model is not None:
            self._pinned.discard(model)
        names = [model] if model is not None else [*self._on_gpu, *self._host.names()]
        gone = [name for name in names if name not in self._pinned and self._drop(name)]
        return sorted(set(gone))

    def pin(self, model: str) -> None:
        """Never evict it; holds for a model that is loaded later too."""
        self._pinned.add(model)

    def unpin(self, model: str) -> None:
        self._pinned.discard(model)

    def evict_others(self, model: str) -> list[str]:
        """Everyone but `model` leaves who may: a rung of the out-of-memory ladder."""
        gone = []
        while (leaver := self._next_to_leave(model)) is not None:
            self._evict(leaver, coming=model)
            gone.append(leaver)
        return gone

    def expire_idle(self) -> list[str]:
        """Unload what was not used for the keep-alive; the host's copies go after twice that. Who left the card."""
        now = self._now()
        idle = [n for n in self._leavers() if now - self._on_gpu[n].used_at_s > self._keep_alive_s]
        for name in idle:
            self._evict(name)
        self._host.drop_unused_since(now - 2 * self._keep_alive_s)
        return idle

    def close(self) -> None:
        """Drop everything, pinned or not."""
        self._pinned.clear()
        self.unload()

    # -- what is so --------------------------------------------------------------------------------------------------

    def residents(self) -> list[Resident]:
        """The models on the card, as a worker reports them, longest unused last."""
        now = self._now()
        held = sorted(self._on_gpu.items(), key=lambda item: -item[1].used_at_s)
        return [
            Resident(model=name, held_mib=h.held_mib, pinned=name in self._pinned, idle_s=max(0.0, now - h.used_at_s))
            for name, h in held
        ]

    def in_host(self) -> list[str]:
        """The models that wait in host RAM."""
        return self._host.names()

    @property
    def held_mib(self) -> int:
        return sum(held.held_mib for held in list(self._on_gpu.values()))

    @property
    def host_held_mib(self) -> int:
        """RAM that weights take: of waiting and offloaded models, and copies of those on the card."""
        return self._host.held_mib

    # -- inside ------------------------------------------------------------------------------------------------------

    def _missing_mib(self, model: str, need_mib: int) -> int:
        """By how much the ledger or the driver falls short of the need; the model's own weights count as had."""
        own = self._own_mib(model)
        by_ledger = self.held_mib - own + need_mib - self.budget_mib
        free = self._device.free_mib()
        return by_ledger if free is None else max(by_ledger, need_mib - own - free)

    def _own_mib(self, model: str) -> int:
        """What a loaded model takes, weights that another one counts included."""
        held = self._on_gpu.get(model)
        if held is None:
            return 0
        return held.engine.uses_mib() if isinstance(held.engine, Sharing) else held.held_mib

    def _leavers(self, but: str | None = None) -> list[str]:
        """Who may leave, longest unused first."""
        names = [n for n, h in self._on_gpu.items() if n != but and n not in self._pinned and h.uses == 0]
        return sorted(names, key=lambda name: self._on_gpu[name].used_at_s)

    def _next_to_leave(self, but: str) -> str | None:
        return next(iter(self._leavers(but)), None)

    def _make_host_room(self, model: str, host_mib: int) -> None:
        """Room in the second tier for a model that will be offloaded; offloaded ones leave for it last."""
        if host_mib <= 0 or self._host.make_room(host_mib, keep=(model,)):
            return
        for name in self._leavers(model):
            if self._host.has_room(host_mib):
                return
            if self._on_gpu[name].host_mib > 0:
                self._drop(name)

    def _bring(self, card: ModelCard) -> Held:
        """Onto the card from the host's copy or from disk; when it does not fit, once more with all others gone."""
        try:
            return self._fetch(card)
        except OutOfVram:
            if not self.evict_others(card.id):
                raise
            self._device.free_cache()
            return self._fetch(card)

    def _fetch(self, card: ModelCard) -> Held:
        waiting = self._host.give_back(card.id)
        engine = self._load_fresh(card) if waiting is None else waiting
        held = self._on_gpu[card.id] = Held(engine, engine.held_mib(), self._now())
        self._weigh()
        if _weighs_mib(held) > LARGE_MIB:
            self._keep_few_large(card.id)
        return held

    def _load_fresh(self, card: ModelCard) -> Engine:
        engine = self._load(card)
        self.weights[card.id] = self._hash_of(card)
        return engine

    def _keep_few_large(self, newest: str) -> None:
        """The mode may want fewer large models loaded than would fit."""
        large = [name for name, held in self._on_gpu.items() if _weighs_mib(held) > LARGE_MIB]
        leavers = [name for name in self._leavers(newest) if name in large]
        for name in leavers[: max(0, len(large) - self._max_large)]:
            self._evict(name)

    def _evict(self, name: str, coming: str | None = None) -> None:
        """Off the card, into host RAM if there is room for it."""
        held = self._on_gpu[name]
        if self._watched(name, lambda: self._host.take_in(name, held, coming=coming)):
            self._forget(name)
        else:
            self._drop(name)

    def _drop(self, name: str) -> bool:
        """Out of both tiers; False: it was in none, or is in use."""
        if self._host.drop(name):
            return True
        held = self._on_gpu.get(name)
        if held is None or held.uses:
            return False

        def close() -> bool:
            held.engine.close()
            return True

        try:
            return self._watched(name, close)
        finally:
            self._forget(name)

    def _watched(self, name: str, unload: Callable[[], bool]) -> bool:
        """Unload under the driver's eyes; what does not come back is on record."""
        before_mib = self.held_mib

        def released_mib() -> int:
            self._weigh(but=name)
            return before_mib - (self.held_mib - self._on_gpu[name].held_mib)

        done, missing = missing_after(unload, released_mib, self._device, clock_s=self._now, wait_s=self._wait)
        self.leaked_mib += missing
        return done

    def _forget(self, name: str) -> None:
        del self._on_gpu[name]
        self._weigh()

    def _weigh(self, but: str = "") -> None:
        """Ask all what they hold: models that share weights count them once, and who does so changes."""
        for name, held in self._on_gpu.items():
            if name != but:
                held.held_mib = held.engine.held_mib()

    def _story(self) -> str:
        """Who holds what, for a message."""
        parts = [
            f"{name} {held.held_mib:,}{' (pinned)' if name in self._pinned else ' (in use)' if held.uses else ''}"
            for name, held in self._on_gpu.items()
        ]
        free = self._device.free_mib()
        driver = "" if free is None else f", the driver has {free:,} MiB free"
        return f"budget {self.budget_mib:,} MiB, held by {', '.join(parts) or 'nobody'}{driver}"


def _weighs_mib(held: Held) -> int:
    """How large a loaded model is, also one whose weights only visit the card."""
    return max(held.held_mib, held.host_mib)
