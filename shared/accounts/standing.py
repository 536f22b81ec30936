"""A key and its person in one look, and whether anybody gets in without one: what the door asks.

Every key that is shown costs the same one call, whether it is known or not. Who may come in is decided elsewhere, by what
is found here and by Redis' clock.
"""

from dataclasses import dataclass
from typing import Any

import redis

from shared.accounts.codec import read_key, read_person
from shared.contracts.access import Key, Person
from shared.redis import keys
from shared.redis.client import redis_errors, script


@dataclass(frozen=True)
class Standing:
    """What is true now of a key and of the person it belongs to; None: there is no such thing."""

    key: Key | None
    person: Person | None
    now_ms: int


class Standings:
    """Looks. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._look = script(client, "standing")

    def of(self, key_id: str, person: str = "") -> Standing:
        """Of a key's id; where there is no such key, of a person's name."""
        with redis_errors():
            key, owner, now_ms = self._look(keys=[keys.key(key_id)], args=[person])
        return Standing(
            read_key(_pairs(key)) if key else None, read_person(_pairs(owner)) if owner else None, int(now_ms)
        )

    def is_closed(self) -> bool:
        """Whether a key was ever made: from then on nobody gets in without one, also when all are revoked."""
        with redis_errors():
            return bool(self._redis.exists(keys.CLOSED))


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
