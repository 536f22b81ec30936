"""Measured peaks of models for a worker's arithmetic: read from Redis now and then, written after each batch.

What was read last goes on being used while Redis does not answer; a measurement that cannot be written is lost, which
costs nothing but its knowledge.
"""

import time
from collections.abc import Callable, Mapping

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
        self._known: dict[str, tuple[float, Mapping[str, int]]] = {}
        self._away_until_s = float("-inf")

    def of(self, model: str) -> Mapping[str, int]:
        """What is known of a model."""
        looked_at_s, known = self._known.get(model, (float("-inf"), {}))
        now_s = self._clock_s()
        if now_s - looked_at_s < LOOK_EVERY_S or now_s < self._away_until_s:
            return known
        try:
            known = self._measurements.peaks_mib(model)
        except RedisUnavailable as exc:
            self._away_until_s = now_s + LOOK_EVERY_S  # one wait for a silent server is enough
            logger().warning("peaks.not_read", reason=exc.message)
            return known
        self._known[model] = (now_s, known)
        return known

    def add(self, model: str, key: str, peak_mib: int) -> None:
        """One run's peak."""
        try:
            self._measurements.add_peak(model, key, peak_mib)
        except RedisUnavailable as exc:
            logger().warning("peak.not_kept", model=model, reason=exc.message)
