"""A new batch rings; the feeder need not wait for its next look.

Only a bell: a message that is lost costs one of the feeder's pauses. Every worker listens, and whichever holds the
feeder's lock feeds.
"""

import threading
from collections.abc import Callable

import redis

from shared.log import logger
from shared.redis import keys

#: Pause before the subscriber tries Redis again.
RECONNECT_S = 1.0
#: How long one look into the subscription blocks.
LISTEN_S = 5.0


class FeedBell(threading.Thread):
    """Calls `feed` whenever a batch has members to feed."""

    def __init__(self, client: "redis.Redis", feed: Callable[[], None]) -> None:
        super().__init__(name="feed-bell", daemon=True)
        self._redis = client
        self._feed = feed

    def run(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._listen()
            except (redis.RedisError, OSError) as exc:
                logger().warning("feed_bell.lost", reason=type(exc).__name__)
            pause.wait(RECONNECT_S)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(keys.FEED)
            while True:
                if subscription.get_message(timeout=LISTEN_S) is not None:
                    self._feed()
