"""How many GPU-seconds a job will take: its size and steps times what such steps have taken so far.

A person's share is charged with it when the job starts and corrected by what was measured when it ends, so an estimate need
not be good: it decides for how long somebody is ahead of or behind their share. Where a model was measured at other
sizes, a step is taken to cost as many seconds per megapixel as there; where nothing was, the numbers are a 12 GB card's.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.contracts.jobs import JobRecord
from shared.contracts.kinds import KIND_RULES
from shared.errors import RedisUnavailable
from shared.models.measurements import JOB, Measured, Measurements

Times = Mapping[tuple[str, str], Measured]

#: How long what was read of a model is used; learned times change slowly.
FRESH_S = 10.0
#: Seconds where nothing was measured: SDXL at 1024 × 1024 in 30 steps, and Moondream's answer, both on a 12 GB card.
DEFAULT_MEGAPIXEL_STEP_S = 0.2
DEFAULT_JOB_S = 1.5


class Estimates:
    """What jobs will cost, by the times that were learned; one per process."""

    def __init__(self, learned: Measurements, clock: Callable[[], float] = time.monotonic) -> None:
        self._learned = learned
        self._clock = clock
        self._known: dict[str, tuple[float, Times]] = {}

    def costed(self, record: JobRecord) -> JobRecord:
        """The record with its cost in GPU-seconds. A command costs nobody anything and goes before everybody's jobs."""
        if not KIND_RULES[record.kind].is_work:
            return record.model_copy(update={"ahead": True, "cost_s": 0.0})
        return record.model_copy(update={"cost_s": round(cost_s(record, self._times(record.model)), 3)})

    def _times(self, model: str) -> Times:
        read_at, times = self._known.get(model, (float("-inf"), {}))
        if self._clock() - read_at < FRESH_S:
            return times
        try:
            times = self._learned.times(model)
        except RedisUnavailable:
            return times  # whoever stores the job will hear of it
        self._known[model] = (self._clock(), times)
        return times


def cost_s(record: JobRecord, times: Times) -> float:
    """GPU-seconds of one job, by what all workers measured. Pure."""
    cost = KIND_RULES[record.kind].cost(record.params)
    if cost is None:
        job_ms = _mean({who: measured for (who, what), measured in times.items() if what == JOB})
        return DEFAULT_JOB_S if job_ms is None else job_ms / 1000
    at_its_size = _mean({who: measured for (who, what), measured in times.items() if what == cost.size})
    if at_its_size is not None:
        return cost.units * at_its_size / 1000
    return cost.units * _megapixels(cost.size) * _megapixel_step_s(times)


def _megapixel_step_s(times: Times) -> float:
    """Seconds of one step per megapixel, over all sizes that were measured."""
    found = {
        (who, what): Measured(measured.value / megapixels, measured.samples)
        for (who, what), measured in times.items()
        if (megapixels := _megapixels(what, otherwise=0.0))
    }
    mean_ms = _mean(found)
    return DEFAULT_MEGAPIXEL_STEP_S if mean_ms is None else mean_ms / 1000


def _megapixels(size: str, otherwise: float = 1.0) -> float:
    """Of "1024x768"; `otherwise` where it is none: the size of a picture that is still to be made is not known yet."""
    width, _, height = size.partition("x")
    return int(width) * int(height) / 1e6 if width.isdecimal() and height.isdecimal() else otherwise


def _mean(found: Mapping[Any, Measured]) -> float | None:
    samples = sum(measured.samples for measured in found.values())
    return sum(m.value * m.samples for m in found.values()) / samples if samples else None
