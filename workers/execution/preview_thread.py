"""Previews are finished and sent beside the work: the steps of a picture never wait for them.

One thread and one set of pictures at a time. While it is at one, the next is not begun: a preview that comes late is
worth nothing, and pictures that queue up would be memory nobody counts.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from shared.log import logger


class PreviewThread:
    """Owned by whoever runs batches; lives as long as the process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="previews")
        self._last: Future[None] | None = None

    @property
    def is_free(self) -> bool:
        return self._last is None or self._last.done()

    def take(self, show: Callable[[], None]) -> None:
        """Run it on the thread; to be asked only while that is free."""
        self._last = self._pool.submit(_do, show)


def _do(show: Callable[[], None]) -> None:
    try:
        show()
    except Exception as exc:  # whatever broke here breaks the work too, which says so, or concerns the preview alone
        logger().warning("preview.failed", reason=f"{type(exc).__name__}: {str(exc)[:300]}")
