"""One way to reach Redis: clients with limits on every wait, and its failures as our errors."""

from collections.abc import Iterator
from contextlib import contextmanager

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


def _brief(exc: RedisError) -> str:
    return f"{type(exc).__name__}: {str(exc)[:120]}"
