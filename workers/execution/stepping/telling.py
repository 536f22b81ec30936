"""Progress, signs of life and words of answers reach Redis beside the passes: one thread, and of each job no more than one
that waits for it.

It says what the loop had to say, and nothing of itself: who hangs falls silent. What a record answers it leaves to the loop
(`GpuBatchWatch.heed`).
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from shared.log import logger


class Telling:
    """What one run's jobs have to say; lives as long as the run."""

    def __init__(self, name: str = "telling") -> None:
        """
        Args:
            name: what it tells, for the log.
        """
        self._name = name
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._lock = threading.Lock()
        #: Jobs whose word waits for the thread.
        self._due: set[str] = set()

    def take(self, job_id: str, tell: Callable[[], None]) -> None:
        """Have it told soon. One that waits already says what is newest when its turn comes."""
        with self._lock:
            if job_id in self._due:
                return
            self._due.add(job_id)
        self._pool.submit(self._do, job_id, tell)

    def _do(self, job_id: str, tell: Callable[[], None]) -> None:
        with self._lock:
            self._due.discard(job_id)
        try:
            tell()
        except Exception as exc:  # the job goes on; what is lasting falls silent, and is found by that
            logger().warning("beside.failed", what=self._name, reason=f"{type(exc).__name__}: {str(exc)[:300]}")
