"""Previews and checkpoints are finished and sent beside the work: the steps of a picture never wait for them.

One thread and one thing at a time. While it is at one, the next is not begun: what comes late is worth nothing, for a newer
one follows, and pictures that queue up would be memory nobody counts.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from shared.log import logger


class SideThread:
    """Lives as long as whoever owns it: a process, or a run."""

    def __init__(self, name: str) -> None:
        """
        Args:
            name: what it does, for the log.
        """
        self._name = name
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._last: Future[None] | None = None

    @property
    def is_free(self) -> bool:
        return self._last is None or self._last.done()

    def take(self, finish: Callable[[], None]) -> None:
        """Run it on the thread, behind what it is at; who can leave it out asks whether it `is_free`."""
        self._last = self._pool.submit(self._do, finish)

    def wait(self, limit_s: float) -> None:
        """Until what it was given is done, or so long."""
        if self._last is not None:
            wait([self._last], timeout=limit_s)

    def _do(self, finish: Callable[[], None]) -> None:
        try:
            finish()
        except Exception as exc:  # whatever broke here breaks the work too, which says so, or concerns this alone
            logger().warning("beside.failed", what=self._name, reason=f"{type(exc).__name__}: {str(exc)[:300]}")
