"""Who leaves the GPU, in which order, and where to.

Parts that the job at hand does not want go first, then models, each time the longest unused. Pinned models stay, and one
in use is never touched. A model goes into host RAM where there is room for it, else it is closed. Every unload is checked
with the driver; what does not come back is counted.
"""

import time
from collections.abc import Callable

from shared.errors import OutOfVram
from workers.memory.gpu_ledger import GpuLedger
from workers.memory.host_cache import HostCache
from workers.memory.unload_check import Device, check_unload


class Evictions:
    """Makes room on one GPU and in the host RAM behind it."""

    def __init__(
        self,
        gpu: GpuLedger,
        host: HostCache,
        device: Device,
        clock_s: Callable[[], float] = time.monotonic,
        wait_s: Callable[[float], object] = time.sleep,
    ) -> None:
        self._gpu = gpu
        self._host = host
        self._device = device
        self._now = clock_s
        self._wait = wait_s
        #: Memory that unloads did not bring back.
        self.leaked_mib = 0

    def make_room(self, model: str, need_mib: int) -> list[str]:
        """Evict, parts first and then the longest unused, until `model` could work; which models left.

        Raises:
            OutOfVram: nobody is left who may leave, and it is still not enough.
        """
        gone = []
        while (missing := self._gpu.missing_mib(model, need_mib)) > 0:
            if self.drop_parts(self._gpu.parts.leavers()[:1]):
                continue
            leaver = next((name for name in self._gpu.leavers(model) if self._gpu.models[name].held_mib > 0), None)
            if leaver is None:
                lacks = f"{missing:,} MiB more than is free"
                raise OutOfVram(f"{model} needs {need_mib:,} MiB, {lacks}: {self._gpu.story()}")
            self.evict(leaver, coming=model)
            gone.append(leaver)
        return gone

    def evict_others(self, model: str) -> list[str]:
        """Everyone but `model` and its job's parts leaves who may: a rung of the out-of-memory ladder. Who left."""
        gone = self.drop_parts(self._gpu.parts.leavers())
        for leaver in self._gpu.leavers(model):
            self.evict(leaver, coming=model)
            gone.append(leaver)
        return gone

    def make_host_room(self, model: str, host_mib: int) -> None:
        """Room in the second tier for a model that will be offloaded; offloaded ones leave for it last."""
        if host_mib <= 0 or self._host.make_room(host_mib, keep=(model,)):
            return
        for name in self._gpu.leavers(model):
            if self._host.has_room(host_mib):
                return
            if self._gpu.models[name].host_mib > 0:
                self.drop(name)

    def evict(self, name: str, coming: str | None = None) -> None:
        """Off the GPU, into host RAM if there is room for it."""
        held = self._gpu.models[name]
        if self._watched(lambda: self._host.take_in(name, held, coming=coming), lambda: self._held_without(name)):
            self._forget(name)
        else:
            self.drop(name)

    def drop_parts(self, names: list[str]) -> list[str]:
        """Close these parts; who left."""
        for name in names:
            self._drop_part(name)
        return names

    def drop(self, name: str) -> bool:
        """Out of both tiers; False: it was in none, or is in use."""
        if self._host.drop(name):
            return True
        held = self._gpu.models.get(name)
        if held is None or held.uses:
            return False

        def close() -> bool:
            held.engine.close()
            return True

        try:
            return self._watched(close, lambda: self._held_without(name))
        finally:
            self._forget(name)

    def _drop_part(self, name: str) -> None:
        def close() -> bool:
            self._gpu.parts.drop(name)
            return True

        self._watched(close, lambda: self._gpu.held_mib)

    def _watched(self, unload: Callable[[], bool], held_after_mib: Callable[[], int]) -> bool:
        """Unload under the driver's eyes; what does not come back is on record."""
        before_mib = self._gpu.held_mib
        done, missing = check_unload(
            unload, lambda: before_mib - held_after_mib(), self._device, clock_s=self._now, wait_s=self._wait
        )
        self.leaked_mib += missing
        return done

    def _held_without(self, name: str) -> int:
        """What the others hold, now that a model is gone whose weights some of them may share."""
        self._gpu.weigh(but=name)
        return self._gpu.held_mib - self._gpu.models[name].held_mib

    def _forget(self, name: str) -> None:
        del self._gpu.models[name]
        self._gpu.weigh()
