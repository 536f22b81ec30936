"""Waiting for Redis: a result in hand is worth more than a free worker, and without Redis there is no other work."""

import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import RedisUnavailable
from shared.log import logger

T = TypeVar("T")
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0


def until_redis_answers(
    ask: Callable[[], T], *, limit_s: float = 3600.0, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Ask again, with growing pauses, until Redis takes the request.

    Raises:
        RedisUnavailable: it did not within `limit_s`; by then every lease of ours has long been given to others.
    """
    pause_s, limit = FIRST_PAUSE_S, time.monotonic() + limit_s
    while True:
        try:
            return ask()
        except (RedisUnavailable, RedisConnectionError, RedisTimeoutError) as exc:
            if time.monotonic() + pause_s > limit:
                raise
            logger().warning("redis.waited_for", reason=str(exc), pause_s=pause_s)
            sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
