"""What runs measured: the peak memory of a kind of job, and how long its steps, jobs and loads take.

Peaks go up at once and down slowly: too small a number costs a job its memory, too large a one only
room. Times are a moving average. Everything is kept in Redis by model, with its sample count, for all workers and for
`GET /v1/models`; the API only reads.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors, script

#: How much of a lower peak is believed each time: an outlier is half forgotten after seven runs.
PEAK_FALLS_BY = 0.1
#: Weight of the newest time.
TIME_WEIGHT = 0.2
#: What is timed beside steps.
LOAD, JOB = "load", "job"
SEPARATOR = "|"


@dataclass(frozen=True)
class Measured:
    """A measured number and how many runs stand behind it."""

    value: float
    samples: int


class Measurements:
    """All measured numbers. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._fold_script = script(client, "learn")

    # -- memory ------------------------------------------------------------------------------------------------------

    def add_peak(self, model: str, key: str, peak_mib: int) -> int:
        """One run's highest memory, weights included, other models not; `key` is `needs.key_of`. Samples so far."""
        return self._fold(keys.peak(model), key, peak_mib, up=1.0, down=PEAK_FALLS_BY)

    def peaks(self, model: str) -> dict[str, Measured]:
        """Key → peak in MiB."""
        return self._read(keys.peak(model))

    def peaks_of(self, models: Sequence[str]) -> dict[str, dict[str, Measured]]:
        """The same for many models in one round trip."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for model in models:
                pipe.hgetall(keys.peak(model))
            rows = pipe.execute()
        return {model: _measured(found) for model, found in zip(models, rows, strict=True)}

    def peaks_mib(self, model: str) -> dict[str, int]:
        """The same as the arithmetic wants it."""
        return {key: round(peak.value) for key, peak in self.peaks(model).items()}

    # -- time --------------------------------------------------------------------------------------------------------

    def add_time(self, model: str, worker: str, what: str, took_ms: float) -> int:
        """One measurement in ms: of a step (`what` is its size), of a `LOAD`, of a whole `JOB`. Samples so far."""
        return self._fold(keys.speed(model), f"{worker}{SEPARATOR}{what}", took_ms, up=TIME_WEIGHT, down=TIME_WEIGHT)

    def times(self, model: str) -> dict[tuple[str, str], Measured]:
        """(worker, what) → ms."""
        found = self._read(keys.speed(model))
        split = {name: name.split(SEPARATOR, 1) for name in found}
        return {(worker, what): found[name] for name, (worker, what) in split.items()}

    def time_ms(self, model: str, what: str, worker: str | None = None) -> float | None:
        """The worker's own average; else that of all workers by their samples; None: nobody measured it."""
        times = {who: m for (who, measured_what), m in self.times(model).items() if measured_what == what}
        if worker in times:
            return times[worker].value
        samples = sum(measured.samples for measured in times.values())
        return sum(m.value * m.samples for m in times.values()) / samples if samples else None

    def loads_ms(self, models: Sequence[str]) -> dict[str, dict[str, float]]:
        """Per model: worker → milliseconds of a load there; many models in one round trip."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for model in models:
                pipe.hgetall(keys.speed(model))
            rows = pipe.execute()
        ending = f"{SEPARATOR}{LOAD}"
        return {
            model: {name.removesuffix(ending): m.value for name, m in _measured(found).items() if name.endswith(ending)}
            for model, found in zip(models, rows, strict=True)
        }

    # -- inside ------------------------------------------------------------------------------------------------------

    def _fold(self, name: str, field: str, value: float, *, up: float, down: float) -> int:
        if not math.isfinite(value):
            raise ValueError(f"{field} of {name}: {value} is no measurement")
        with redis_errors():
            return int(self._fold_script(keys=[name], args=[field, value, up, down, keys.LIVE_TTL_S]))

    def _read(self, name: str) -> dict[str, Measured]:
        with redis_errors():
            return _measured(self._redis.hgetall(name))


def _measured(rows: Mapping[bytes, bytes]) -> dict[str, Measured]:
    """What is no finite number was never measured."""
    pairs = {field.decode(): row.decode().split() for field, row in rows.items()}
    found = {field: Measured(float(value), int(samples)) for field, (value, samples) in pairs.items()}
    return {field: measured for field, measured in found.items() if math.isfinite(measured.value)}
