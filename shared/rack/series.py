"""The last hour of each worker as a ring of points: how busy its GPU was, how full, how hot, what waited, what it made.

Each worker's main process adds a point every `EVERY_S`; a ring holds an hour and forgets the rest, so that a reload of whoever
looks keeps its curves. Longer memories belong to a monitoring system.
"""

import json
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors

EVERY_S = 5.0
#: An hour.
POINTS = 720
#: What a point has, in its order. None: the driver does not say.
FIELDS = (
    "at_ms",
    "utilisation_percent",
    "used_mib",
    "temperature_c",
    "power_w",
    "queued",
    "pictures_per_min",
)
Point = tuple[float | int | None, ...]


class Series:
    """All rings. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def add(self, worker: str, point: Point) -> None:
        """The newest point, in the order of `FIELDS`; the oldest beyond an hour leaves."""
        if len(point) != len(FIELDS):
            raise ValueError(f"a point has {len(FIELDS)} numbers, not {len(point)}")
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.rpush(keys.series(worker), json.dumps(point))
            pipe.ltrim(keys.series(worker), -POINTS, -1)
            pipe.expire(keys.series(worker), keys.SERIES_TTL_S)
            pipe.execute()

    def of(self, worker: str) -> list[list[float | int | None]]:
        """The points, the oldest first; none of a worker that nobody knows."""
        with redis_errors():
            rows = self._redis.lrange(keys.series(worker), 0, -1)
        return [json.loads(row) for row in rows]

    def made(self, worker: str) -> int:
        """Pictures that a worker has made, ever (see `JobStore.settle`)."""
        with redis_errors():
            return int(self._redis.get(keys.made(worker)) or 0)
