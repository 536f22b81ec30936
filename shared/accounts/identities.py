"""Whom a single sign-on means: an identity (issuer and subject) belongs to one person, a person to one identity.

What a provider calls somebody (a user name, an address) may change, and somebody else may get it later; the subject never
does. So the name counts once, at the first sign-in, and the subject from then on: nobody inherits pictures with a name.
"""

import hashlib
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors


def identity_of(issuer: str, subject: str) -> str:
    """What an identity is kept as."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()


class Identities:
    """All identities. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def person_of(self, identity: str) -> str | None:
        """Whom it means; None: nobody yet."""
        with redis_errors():
            name = self._redis.hget(keys.IDENTITIES, identity)
        return name.decode() if name else None

    def owner_of(self, person: str) -> str | None:
        """The identity that a person belongs to; None: to none."""
        with redis_errors():
            identity = self._redis.hget(keys.IDENTIFIED, person)
        return identity.decode() if identity else None

    def claim(self, identity: str, person: str) -> bool:
        """Give a name to an identity; False where another has it. Done twice it is done once: a crash between is mended."""
        with redis_errors():
            self._redis.hsetnx(keys.IDENTIFIED, person, identity)
        if self.owner_of(person) != identity:
            return False
        with redis_errors():
            self._redis.hset(keys.IDENTITIES, identity, person)
        return True
