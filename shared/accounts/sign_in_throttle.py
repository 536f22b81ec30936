"""How often somebody may fail to sign in: so many times in a moving window, from one address, and with one key.

By key as well, because who guesses from many addresses guesses one key; so who knows a key's id can keep its owner from
signing in for a while. The key itself still works, and so do sessions that are open. Of an IPv6 address the network counts
(/64): its owner has all 2^64 of them.
"""

import ipaddress
import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from shared.errors import TooManySignIns
from shared.redis import keys
from shared.redis.client import redis_errors, script


class SignInThrottle:
    """Counts failed sign-ins. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis", attempts: int, window_s: int) -> None:
        self._redis: Any = client
        self._take = script(client, "sign_in")
        self._attempts = attempts
        self._window_s = window_s

    @contextmanager
    def attempt(self, address: str, key_id: str) -> Iterator[None]:
        """One try; it counts unless the block ends well.

        Args:
            key_id: of the key that is shown; "": what is shown has none, which counts for the address alone.

        Raises:
            TooManySignIns: too many failed lately; nothing was tried.
        """
        windows = [keys.sign_ins(f"address:{counted_as(address)}")] + (
            [keys.sign_ins(f"key:{key_id}")] if key_id else []
        )
        name = secrets.token_hex(8)
        with redis_errors():
            wait_ms = int(self._take(keys=windows, args=[self._window_s * 1000, self._attempts, name]))
        if wait_ms:
            after_s = math.ceil(wait_ms / 1000)
            raise TooManySignIns(
                f"more than {self._attempts} sign-ins failed within {self._window_s} s from this address or with this "
                f"key; try again in {after_s} s",
                retry_after_s=after_s,
            )
        yield
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for window in windows:
                pipe.zrem(window, name)
            pipe.execute()


def counted_as(address: str) -> str:
    """Under what an address is counted."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
