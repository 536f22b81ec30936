"""A point of a worker's last hour, every few seconds: what its GPU says, what waits for it, what it made."""

import time
from collections import deque
from collections.abc import Callable

from shared.jobs.store import JobStore
from shared.rack.series import EVERY_S, Series
from shared.rack.worker_registry import GpuFacts
from workers.devices.slot import Slot

#: Over how long pictures a minute are counted.
WINDOW_S = 60.0


class SeriesNotes:
    """One worker's points, from its start on."""

    def __init__(
        self,
        slot: Slot,
        store: JobStore,
        series: Series,
        facts: Callable[[], GpuFacts],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slot = slot
        self._store = store
        self._series = series
        self._facts = facts
        self._clock = clock
        #: (when, pictures made by then) of the last minute.
        self._made: deque[tuple[float, int]] = deque(maxlen=round(WINDOW_S / EVERY_S) + 1)

    def note(self) -> None:
        """Call it every `EVERY_S`. Raises `RedisUnavailable`."""
        facts, depths = self._facts(), self._store.queue_depths()
        queued = sum(depths.get(queue, 0) for queue in self._slot.queues)
        self._series.add(
            self._slot.name,
            (
                round(time.time() * 1000),
                facts.utilisation_percent,
                facts.used_mib,
                facts.temperature_c,
                facts.power_w,
                queued,
                self._pictures_per_min(),
            ),
        )

    def _pictures_per_min(self) -> float:
        now_s, made = self._clock(), self._series.made(self._slot.name)
        self._made.append((now_s, made))
        then_s, then = self._made[0]
        # The counter begins anew where Redis lost it.
        if made < then:
            self._made.clear()
        return 0.0 if now_s <= then_s or made < then else round((made - then) * 60 / max(now_s - then_s, EVERY_S), 1)
