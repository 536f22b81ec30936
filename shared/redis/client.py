"""One way to reach Redis: clients with limits on every wait, its failures as our errors, patience, and our scripts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from shared.errors import RedisUnavailable
from shared.log import logger

T = TypeVar("T")
#: Pauses while Redis is waited for: the first, and the longest they grow to.
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0
#: Where our scripts are.
LUA = Path(__file__).with_name("lua")
#: What a server says when it cannot take writes now; inside scripts these come as plain ResponseErrors.
_REFUSALS = ("OOM ", "READONLY", "MISCONF", "LOADING", "NOREPLICAS", "MASTERDOWN", "BUSY ")


def connect(url: str, timeout_s: float) -> "redis.Redis":
    """A client that waits at most `timeout_s` for an answer and for a connection.

    One immediate retry on a lost connection, because a pooled one goes stale when Redis restarts; none on a time-out,
    because the caller's own limit counts.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        health_check_interval=0,
        decode_responses=False,
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what redis-py raises when the server is away or refuses writes into `RedisUnavailable`.

    A wrong command or script stays what it is: that is a bug, not an outage.
    """
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError) as exc:
        raise RedisUnavailable(f"Redis does not take requests now ({_brief(exc)})", retry_after_s=2) from exc
    except ResponseError as exc:
        if not any(word in str(exc) for word in _REFUSALS):
            raise
        raise RedisUnavailable(f"Redis refuses writes now ({_brief(exc)})", retry_after_s=5) from exc


def until_redis_answers(
    ask: Callable[[], T], *, limit_s: float = 3600.0, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Ask again, with growing pauses, until Redis takes the request: a result in hand is worth more than a free worker, and
    without Redis there is no other work.

    Raises:
        RedisUnavailable: it did not within `limit_s`; by then every lease of ours has long been given to others.
    """
    pause_s, limit = FIRST_PAUSE_S, time.monotonic() + limit_s
    while True:
        try:
            return ask()
        except (RedisUnavailable, ConnectionError, TimeoutError) as exc:
            if time.monotonic() + pause_s > limit:
                raise
            logger().warning("redis.waited_for", reason=str(exc), pause_s=pause_s)
            sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


def script(client: "redis.Redis", *names: str, before: str = "") -> Any:
    """One of the scripts in `lua/`, to be called with keys and args; the server gets to know it at the first call.

    Scripts cannot call one another, so what several of them do stands in files that are named before theirs.

    Args:
        before: Lua that is put before all of it, for what a file cannot say: the settings.
    """
    return client.register_script(before + "".join((LUA / f"{name}.lua").read_text() for name in names))


def _brief(exc: RedisError) -> str:
    return f"{type(exc).__name__}: {str(exc)[:120]}"
