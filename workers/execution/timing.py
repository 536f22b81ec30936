"""How long each phase of a job took: for its record, and for what is known of the model's pace."""

import time
from collections.abc import Callable, Sequence

from shared.contracts.jobs import JobRecord, Phase, Timings
from shared.contracts.kinds import KIND_RULES
from shared.errors import RedisUnavailable
from shared.log import logger
from shared.models.measurements import JOB, LOAD, Measurements


class Stopwatch:
    """Runs in one phase at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent_s: dict[str, float] = {}
        self._phase: Phase = "loading"
        self._since = clock()

    def start(self, phase: Phase) -> None:
        """Leave the current phase and enter this one."""
        now = self._clock()
        self._spent_s[self._phase] = self._spent_s.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def timings(self) -> Timings:
        """Milliseconds per phase until now."""
        self.start(self._phase)
        return Timings(**{f"{phase}_ms": round(s * 1000) for phase, s in self._spent_s.items()})


def record_timing(
    learned: Measurements, worker: str, records: Sequence[JobRecord], took: Timings, *, has_loaded: bool
) -> None:
    """Keep the times of a GPU batch that went well: a unit of its work at its size, a whole job, the loading of its model.

    Without Redis nothing is kept, and nothing is lost.

    Args:
        took: of the whole batch.
        has_loaded: whether its model had to be brought onto the GPU.
    """
    model = records[0].model
    whole_ms = took.running_ms + took.storing_ms + (0 if has_loaded else took.loading_ms)
    costs = [cost for record in records if (cost := KIND_RULES[record.kind].cost(record.params))]
    try:
        learned.add_time(model, worker, JOB, whole_ms / len(records))
        if has_loaded:
            learned.add_time(model, worker, LOAD, took.loading_ms)
        if costs and (units := sum(cost.units for cost in costs)):
            learned.add_time(model, worker, costs[0].size, took.running_ms / units)
    except RedisUnavailable as exc:
        logger().warning("times.not_learned", reason=exc.message)
