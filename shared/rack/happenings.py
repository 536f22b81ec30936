"""What happened to the rack of late, in words: workers that came, went or died, models that moved, jobs that did, batches.

A capped stream: a memory, not an archive. Entries are facts (a kind and a few names); the words are made when somebody reads
them. What belongs to a person says whose it is, and is shown to who may see it. The end of a batch is told by the script that
ends it (`members.lua`), everything else through `tell`, after it happened, so that nothing waits for a line of history.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import redis

from shared.errors import RedisUnavailable
from shared.log import logger
from shared.redis import keys
from shared.redis.client import redis_errors

Level = Literal["info", "warning", "error"]
AT_ONCE = 500
#: What is told of is the last day.
DAY_MS = 86_400_000


class Happening(StrEnum):
    WORKER_READY = "worker_ready"
    WORKER_LEFT = "worker_left"
    WORKER_SILENT = "worker_silent"
    WORKER_DIED = "worker_died"
    WORKER_UNFIT = "worker_unfit"
    WORKER_GIVEN_UP = "worker_given_up"
    MODEL_LOADED = "model_loaded"
    MODEL_LEFT = "model_left"
    JOB_RECOVERED = "job_recovered"
    JOB_MOVED = "job_moved"
    JOB_DEGRADED = "job_degraded"
    BATCH_FINISHED = "batch_finished"
    BATCH_FAILED = "batch_failed"
    BATCH_CANCELLED = "batch_cancelled"


#: Kind → how serious it is, and its words; names in braces are facts of the entry.
WORDS: Mapping[Happening, tuple[Level, str]] = {
    Happening.WORKER_READY: ("info", "{worker} is ready"),
    Happening.WORKER_LEFT: ("info", "{worker} was stopped"),
    Happening.WORKER_SILENT: ("error", "{worker} fell silent; its jobs go to others"),
    Happening.WORKER_DIED: ("error", "{worker} died after {lived_s} s (status {status}); it is started again"),
    Happening.WORKER_UNFIT: ("error", "{worker} cannot work: {reason}"),
    Happening.WORKER_GIVEN_UP: (
        "error",
        "{worker} is not started any more: it died {deaths} times before it was ready",
    ),
    Happening.MODEL_LOADED: ("info", "{worker} loaded {model}"),
    Happening.MODEL_LEFT: ("info", "{model} left {worker}"),
    Happening.JOB_RECOVERED: ("warning", "a job was taken from {worker}, which was lost: {reason}; it is {state} now"),
    Happening.JOB_MOVED: ("warning", "a job of {model} fits {worker} in no form and went to {to}"),
    Happening.JOB_DEGRADED: ("warning", "{worker} gave something up to fit a job of {model}: {degradations}"),
    Happening.BATCH_FINISHED: ("info", "batch “{name}” is done: {succeeded} of {total}"),
    Happening.BATCH_FAILED: ("error", "batch “{name}” is done, {failed} of {total} failed"),
    Happening.BATCH_CANCELLED: ("info", "batch “{name}” was cancelled: {succeeded} of {total} were done"),
}


@dataclass(frozen=True)
class Entry:
    """One thing that happened."""

    id: str
    at_ms: int
    kind: str
    level: Level
    text: str
    #: "": nobody's.
    owner: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Happenings:
    """Writes and reads them."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def tell(self, kind: Happening, *, owner: str = "", **facts: object) -> None:
        """Write one down; never raises, because what happened has happened.

        Args:
            owner: the person it belongs to.
            facts: names and small numbers; never a prompt.
        """
        values = {"kind": kind.value, "owner": owner} | {name: str(value) for name, value in facts.items()}
        try:
            with redis_errors():
                pipe = self._redis.pipeline()
                pipe.xadd(keys.HAPPENINGS, values, maxlen=keys.HAPPENINGS_LENGTH, approximate=True)
                pipe.expire(keys.HAPPENINGS, keys.HAPPENINGS_TTL_S)
                pipe.execute()
        except RedisUnavailable as exc:
            logger().warning("happening.lost", kind=kind.value, reason=exc.message)

    def backwards(self, after: str = "", now_ms: int | None = None) -> Iterator[Entry]:
        """Those of the last day, the newest first.

        Args:
            after: only those newer than this id; "": all.
        """
        first_ms = (round(time.time() * 1000) if now_ms is None else now_ms) - DAY_MS
        oldest, newest = f"({after}" if after else str(max(0, first_ms)), "+"
        while True:
            with redis_errors():
                part = self._redis.xrevrange(keys.HAPPENINGS, max=newest, min=oldest, count=AT_ONCE)
            yield from (entry for each in part if (entry := read(*each)).at_ms >= first_ms)
            if len(part) < AT_ONCE:
                return
            newest = f"({part[-1][0].decode()}"


def read(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """An entry as it is shown; one of a kind that this version does not know is shown by its name."""
    facts = {name.decode(): value.decode() for name, value in fields.items()}
    kind, owner = facts.pop("kind", ""), facts.pop("owner", "")
    level, words = WORDS.get(Happening(kind), ("info", kind)) if kind in set(Happening) else ("info", kind)
    shown = _Facts(facts)
    return Entry(
        id=entry_id.decode(),
        at_ms=int(entry_id.split(b"-")[0]),
        kind=kind,
        level=level,
        text=words.format_map(shown),
        owner=owner,
        facts=facts,
    )


class _Facts(dict[str, str]):
    """What an entry of another version does not have reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"
