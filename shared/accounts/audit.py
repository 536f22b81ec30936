"""Who did what to whom: a stream of the last things that were done to people, keys, workers and others' jobs.

It is capped, so it is a memory, not an archive: who needs more copies it away. Secrets, prompts and pictures never stand in
it. What was done to people and keys is told by the scripts that do it; everything else through `record`, after it was done.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import redis

from shared.contracts.audit import AuditEntry, Deed
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: Entries read in one go, and at most for one page: a filter that fits nothing must not read the whole stream each time.
AT_ONCE = 500
MOST_READ = 5_000
Outcome = Literal["done", "refused"]


@dataclass(frozen=True)
class Actor:
    """Who does something, as the stream names them."""

    who: str
    #: Id of the key that was shown.
    key: str = ""


#: Whoever reaches Redis from a terminal on a host.
COMMAND_LINE = Actor("command line")


def entry_values(actor: Actor, what: Deed, target: str, outcome: Outcome = "done", **details: object) -> list[str]:
    """An entry as names and values in turn, as the stream and the scripts take it."""
    told = {name: str(value) for name, value in details.items() if value is not None}
    values = {"who": actor.who, "key": actor.key, "what": what.value, "target": target, "outcome": outcome}
    return [part for pair in (values | {"details": json.dumps(told)}).items() for part in pair]


class Audit:
    """Writes entries and reads them, newest first. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def record(self, actor: Actor, what: Deed, target: str, outcome: Outcome = "done", **details: object) -> None:
        """Tell what was done, or what somebody tried.

        Args:
            target: what it was done to: a person, a key's id, a worker, a model, a job's id.
            details: small facts; None is left out. Never a secret, a prompt or anything of a picture.
        """
        values = entry_values(actor, what, target, outcome, **details)
        with redis_errors():
            self._redis.xadd(
                keys.AUDIT,
                dict(zip(values[::2], values[1::2], strict=True)),
                maxlen=keys.AUDIT_LENGTH,
                approximate=True,
            )

    def page(
        self, limit: int, before: str = "", fits: Callable[[AuditEntry], bool] = lambda entry: True
    ) -> tuple[list[AuditEntry], str | None]:
        """The newest entries that fit, from those before an id; and the cursor of the next page, or None.

        A page may be shorter than `limit` although there are more: `MOST_READ` entries were looked at.
        """
        found: list[AuditEntry] = []
        looked = 0
        cursor = before
        for entry in self._backwards(before):
            looked, cursor = looked + 1, entry.id
            if fits(entry):
                found.append(entry)
            if len(found) == limit or looked == MOST_READ:
                return found, cursor
        return found, None

    def _backwards(self, before: str) -> Iterator[AuditEntry]:
        newest = f"({before}" if before else "+"
        while True:
            with redis_errors():
                part = self._redis.xrevrange(keys.AUDIT, max=newest, count=AT_ONCE)
            yield from (_read(entry_id, fields) for entry_id, fields in part)
            if len(part) < AT_ONCE:
                return
            newest = f"({part[-1][0].decode()}"


def telling_script(client: "redis.Redis", name: str) -> Any:
    """A script that tells the stream what it did: `audit.lua` is put before it."""
    return script(client, "audit", name)


def _read(entry_id: bytes, fields: dict[bytes, bytes]) -> AuditEntry:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    at_ms = int(entry_id.partition(b"-")[0])
    details = json.loads(texts.pop("details", "{}"))
    return AuditEntry.model_validate(texts | {"id": entry_id.decode(), "at_ms": at_ms, "details": details})
