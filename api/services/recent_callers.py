"""What was found a moment ago, for less than a second, by a name that tells nothing (a digest).

Only what was found good is kept: whoever tries keys fills nothing. It is full at `MOST_KEPT`; then the oldest leaves.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
#: Some 2 MiB of callers; more different ones within a second are looked up again.
MOST_KEPT = 4096


class RecentCallers(Generic[T]):
    """A small memory of seconds, of one process, for all its threads."""

    def __init__(self, kept_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_s = kept_s
        self._clock = clock
        self._found: dict[str, tuple[T, float]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, name: str) -> T | None:
        """What was found lately; None: ask again."""
        what, until_s = self._found.get(name, (None, 0.0))
        return what if self._clock() < until_s else None

    def keep(self, name: str, what: T, asked_at_s: float, at_most_s: float = float("inf")) -> None:
        """Remember it for so long since it was asked for (not since the answer came: that may have taken its time).

        Args:
            asked_at_s: by `time.monotonic`.
        """
        with self._lock:
            self._found.pop(name, None)
            self._found[name] = (what, asked_at_s + min(self._kept_s, at_most_s))
            while len(self._found) > MOST_KEPT:
                del self._found[next(iter(self._found))]

    def forget(self, name: str) -> None:
        """Ask again at the next request."""
        with self._lock:
            self._found.pop(name, None)

    def forget_all(self) -> None:
        """The same of everything."""
        with self._lock:
            self._found.clear()
