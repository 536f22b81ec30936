"""What is left of a job when its last step is done happens beside the next pass: PNG, hash, fsync, the record's end.

Bounded in number and thereby in memory: whoever hands over one more than `most` waits until one is done. A run waits for
all of it before its ticket goes back for good, so a drain finds nothing half stored.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from shared.log import logger


class Behind:
    """The threads that finish jobs; lives as long as the process."""

    def __init__(self, threads: int = 2, most: int = 4) -> None:
        """
        Args:
            most: jobs that may be under way at once, those that wait for a thread included.
        """
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="behind")
        self._room = threading.BoundedSemaphore(most)
        self._under_way: set[Future[None]] = set()

    def take(self, finish: Callable[[], None]) -> None:
        """Do it on a thread; waits while there is no room. What it raises is logged: it must end its job itself."""
        self._room.acquire()
        future = self._pool.submit(self._do, finish)
        self._under_way = {each for each in self._under_way if not each.done()} | {future}

    def wait(self) -> None:
        """Until everything handed over is done."""
        wait(self._under_way)

    def _do(self, finish: Callable[[], None]) -> None:
        try:
            finish()
        except Exception as exc:
            logger().error("storing.failed", exc_info=exc)
        finally:
            self._room.release()
