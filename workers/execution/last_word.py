"""A word that Redis did not take is repeated, on a thread of its own, until it does: of several the last one.

For states that are said when they change and not again for hours, while whoever says them has other work.
"""

import threading
from collections.abc import Callable
from math import inf

from shared.errors import RedisUnavailable
from shared.log import logger
from shared.redis.client import until_redis_answers

#: Writes a state; may raise `RedisUnavailable`.
Word = Callable[[], object]


class LastWord:
    """One state's words, from one thread."""

    def __init__(self) -> None:
        self._latest: Word = lambda: None
        #: Whether one that Redis did not take is being repeated.
        self.is_repeating = False
        #: Held for as long as it takes to read or change those two.
        self._lock = threading.Lock()

    def say(self, word: Word) -> None:
        """Now; where Redis does not take it, or does not yet take the one before it, as soon as it does.

        Raises:
            RedisUnavailable: Redis went away just now; nothing needs to be done.
        """
        with self._lock:
            self._latest = word
            if self.is_repeating:
                return
        try:
            word()
        except RedisUnavailable:
            self.is_repeating = True
            threading.Thread(target=self._repeat, name="last-word", daemon=True).start()
            raise

    def _repeat(self) -> None:
        while self.is_repeating:
            word = self._latest
            try:
                until_redis_answers(word, limit_s=inf)
            except Exception as exc:  # a bug in one word silences no later one
                logger().error("residents.not_told", exc_info=exc)
            with self._lock:
                self.is_repeating = self._latest is not word
