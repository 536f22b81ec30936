"""The Redis of the settings for a command that needs it for a moment: the one they name, the private one that runs in the data
folder, or that one started, and stopped again behind us."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared.redis.client import connect
from shared.redis.embedded import EmbeddedRedis, running_url
from shared.settings import Settings


@contextmanager
def redis_at_hand(settings: Settings) -> Iterator["redis.Redis"]:
    """A client; what is written through it is on disk when a private server that was started for it has stopped.

    Raises:
        InvalidRequest, RedisUnavailable: a private server cannot be started, or is just starting elsewhere.
    """
    with redis_url_at_hand(settings) as url, connect(url, settings.worker_redis_timeout_s) as client:
        yield client


@contextmanager
def redis_url_at_hand(settings: Settings) -> Iterator[str]:
    """Its address. Raises as `redis_at_hand`."""
    folder = settings.data_dir / "redis"
    url = settings.redis_url or running_url(folder)
    own = EmbeddedRedis(folder) if url is None else None
    try:
        yield url or own.start()  # type: ignore[union-attr]
    finally:
        if own is not None:
            own.stop()
