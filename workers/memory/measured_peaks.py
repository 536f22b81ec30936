"""Measured peaks of models for a worker's arithmetic: read from Redis now and then, written after each batch.

They are asked for between two steps, so they are read beside those: what was read last goes on being used until Redis answers.
A measurement that cannot be written is lost, which costs nothing but its knowledge.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from shared.errors import RedisUnavailable
from shared.log import logger
from shared.models.measurements import Measurements

#: Peaks change with runs, not within one.
LOOK_EVERY_S = 10.0


class MeasuredPeaks:
    """Peaks by model and `needs.key_of`, in MiB, weights included."""

    def __init__(self, measurements: Measurements, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._measurements = measurements
        self._clock_s = clock_s
        self._known: dict[str, Mapping[str, int]] = {}
        self._looked_at_s: dict[str, float] = {}
        self._away_until_s = float("-inf")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="peaks")

    def of(self, model: str) -> Mapping[str, int]:
        """What is known of a model: waits for Redis the first time alone, for passes are made by it later."""
        now_s = self._clock_s()
        is_new = model not in self._looked_at_s
        if now_s >= self._away_until_s and (is_new or now_s - self._looked_at_s[model] >= LOOK_EVERY_S):
            self._looked_at_s[model] = now_s
            if is_new:
                self._look(model)
            else:
                self._thread.submit(self._look, model)
        return self._known.get(model, {})

    def _look(self, model: str) -> None:
        try:
            self._known[model] = self._measurements.peaks_mib(model)
        except RedisUnavailable as exc:
            self._away_until_s = self._clock_s() + LOOK_EVERY_S  # one wait for a silent server is enough
            logger().warning("peaks.not_read", reason=exc.message)
        except Exception as exc:  # nobody asks this thread how it went
            logger().error("peaks.not_read", exc_info=exc)

    def add(self, model: str, key: str, peak_mib: int) -> None:
        """One run's peak."""
        try:
            self._measurements.add_peak(model, key, peak_mib)
        except RedisUnavailable as exc:
            logger().warning("peak.not_kept", model=model, reason=exc.message)
