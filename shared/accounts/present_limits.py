"""What people may use now: for jobs that are made of a batch long after it was sent.

Who is not in the list of people has no limits: administrators whose key stands in the environment, the one local
administrator, addresses that old records name.
"""

from collections.abc import Collection
from typing import Any

import redis

from shared.accounts.codec import read_person
from shared.accounts.limits import NO_LIMITS
from shared.accounts.roles import default_limits, effective_limits
from shared.contracts.access import Limits
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings


class PresentLimits:
    """Looks them up. Raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis", settings: Settings) -> None:
        self._redis: Any = client
        self._defaults = default_limits(settings)

    def of(self, people: Collection[str]) -> dict[str, Limits]:
        """Of each of these people, with the defaults of their role filled in, in one round trip."""
        names = list(people)
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(keys.person(name))
            found = pipe.execute()
        return {name: self._effective(fields) for name, fields in zip(names, found, strict=True)}

    def _effective(self, fields: dict[bytes, bytes]) -> Limits:
        if not fields:
            return NO_LIMITS
        person = read_person(fields)
        return effective_limits(person.limits, person.role, self._defaults)
