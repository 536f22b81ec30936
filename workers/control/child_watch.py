"""What the main process knows of its child: whether it is up, and that it died.

A child is *up* when it has told the pool so: it has its card and what it needs, and only then may its worker take jobs.
One that dies is noticed here and its job given back at once: the pool starts a successor, and that one also releases what
its predecessor held; but the pool may take seconds to see the death, the successor some more to start, and another worker
may be idle.

Children that die before they are up were refused something that the next one will be refused too. After a few the main
process is told: it ends, and its launcher, which grows the pauses, starts it again.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.log import logger

#: How often to look.
LOOK_EVERY_S = 0.2
#: A child that died longer ago than this may have a successor that runs a job by now: leave it to that one.
LATEST_S = 1.0
#: Deaths in a row before a child was up, after which its worker ends. More than one: a child may be killed by chance.
FAILED_STARTS = 3


@dataclass(frozen=True)
class Child:
    """One process of the pool, dead ones too."""

    pid: int
    #: Whether it said that it can work.
    is_up: bool


def children_of(pool: Any) -> list[Child]:
    """The children of celery's prefork pool, which lists the pipe to a child once that has reported itself up."""
    processes = [process for process in list(pool._pool) if process.pid is not None]
    return [Child(process.pid, pool._fileno_to_inq.get(process.inqW_fd) is process) for process in processes]


def is_running_child(pid: int) -> bool:
    """Whether this child of ours has not ended; its status is left for the pool, which buries its dead itself."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


class ChildWatch:
    """`children` tells those of the pool; `release` gives this worker's jobs back and returns how many; `on_up` hears of
    each child that is up, `on_failed_start` of each that died before, with the number of such deaths in a row."""

    def __init__(
        self,
        children: Callable[[], list[Child]],
        release: Callable[[], int],
        *,
        on_up: Callable[[], None],
        on_failed_start: Callable[[int], None],
        is_running: Callable[[int], bool] = is_running_child,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = children
        self._release = release
        self._on_up = on_up
        self._on_failed_start = on_failed_start
        self._is_running = is_running
        self._clock_s = clock_s
        #: Pids that lived at the last look → whether they were up.
        self._seen: dict[int, bool] = {}
        self._seen_at_s = float("-inf")
        self._failed_starts = 0

    @property
    def is_up(self) -> bool:
        """Whether a child can work now."""
        return any(child.is_up and self._is_running(child.pid) for child in self._children())

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises `RedisUnavailable`; then the successor releases the job."""
        now_s = self._clock_s()
        alive = {child.pid: child.is_up for child in self._children() if self._is_running(child.pid)}
        before, since_s = self._seen, now_s - self._seen_at_s
        self._seen, self._seen_at_s = alive, now_s
        if any(is_up and not before.get(pid) for pid, is_up in alive.items()):
            self._failed_starts = 0
            self._on_up()
        gone = before.keys() - alive.keys()
        if gone and since_s <= LATEST_S:
            given_back = self._release()
            logger().info("child.gone", pids=sorted(gone), jobs_given_back=given_back)
        if any(not before[pid] for pid in gone):
            self._failed_starts += 1
            self._on_failed_start(self._failed_starts)
