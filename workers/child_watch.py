"""A worker's child that dies is noticed by the main process, which gives its job back at once.

The pool starts a successor, and that one also releases what its predecessor held; but the pool may take seconds to see
the death, the successor some more to start, and another worker may be idle.
"""

import os
import time
from collections.abc import Callable

from shared.log import logger

#: How often to look.
LOOK_EVERY_S = 0.2
#: A child that died longer ago than this may have a successor that runs a job by now: leave it to that one.
LATEST_S = 1.0


def is_running_child(pid: int) -> bool:
    """Whether this child of ours has not ended; its status is left for the pool, which buries its dead itself."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


class ChildWatch:
    """`children` tells the pids of the pool, dead ones too; `release` gives this worker's jobs back, returns how many."""

    def __init__(
        self,
        children: Callable[[], list[int]],
        release: Callable[[], int],
        is_running: Callable[[int], bool] = is_running_child,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = children
        self._release = release
        self._is_running = is_running
        self._clock_s = clock_s
        self._seen: set[int] = set()
        self._seen_at_s = float("-inf")

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises `RedisUnavailable`; then the successor releases the job."""
        now_s, alive = self._clock_s(), {pid for pid in self._children() if self._is_running(pid)}
        gone, since_s = self._seen - alive, now_s - self._seen_at_s
        self._seen, self._seen_at_s = alive, now_s
        if gone and since_s <= LATEST_S:
            given_back = self._release()
            logger().info("child.gone", pids=sorted(gone), jobs_given_back=given_back)
