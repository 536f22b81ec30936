"""What each host's `doctor` found when it last looked: one report a host, as the host itself tells it."""

import json
import time
from typing import Any, Literal

import redis
from pydantic import BaseModel, Field

from shared.redis import keys
from shared.redis.client import redis_errors

Level = Literal["ok", "note", "problem"]
ORDER: tuple[Level, ...] = ("ok", "note", "problem")


class FindingView(BaseModel):
    """One thing that was looked at."""

    level: Level
    subject: str
    text: str
    advice: str = Field("", description="What to do about it; empty: nothing")


class HostReport(BaseModel):
    """A host, as its own look at itself found it."""

    host: str
    at_ms: int = Field(description="When it looked, milliseconds since 1970 by its own clock")
    findings: tuple[FindingView, ...]

    @property
    def worst(self) -> Level:
        return max((each.level for each in self.findings), key=ORDER.index, default="ok")


class DoctorReports:
    """All hosts' reports. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def publish(self, host: str, findings: list[dict[str, str]]) -> None:
        """Put a host's findings in the place of its last ones."""
        report = {"host": host, "at_ms": round(time.time() * 1000), "findings": findings}
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(keys.DOCTOR, host, json.dumps(report))
            pipe.expire(keys.DOCTOR, keys.LIVE_TTL_S)
            pipe.execute()

    def all(self) -> list[HostReport]:
        """By host; one that has not looked for `DOCTOR_TTL_S` has gone."""
        with redis_errors():
            rows = self._redis.hvals(keys.DOCTOR)
        oldest_ms = time.time() * 1000 - keys.DOCTOR_TTL_S * 1000
        found = [HostReport.model_validate_json(row) for row in rows]
        return sorted((each for each in found if each.at_ms >= oldest_ms), key=lambda each: each.host)
