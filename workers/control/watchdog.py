"""What the main process watches: leases, jobs that hang, a child that dies.

*Leases* are renewed by a thread of their own, because every running job hangs on them: no duty whose cost grows with the
queues, the folder of pictures or a driver that does not answer may delay them.

*Hangs* are judged by progress, not by wall clock: a job that gave no sign of life for longer than its phase allows loses
its child, whatever it is doing there.

*A dead child* is noticed and its job given back at once: the pool starts a successor, and that one also releases what its
predecessor held; but the pool may take seconds to see the death, the successor some more to start, and another worker may
be idle. A child is *up* when it has told the pool so: it has its GPU and what it needs, and only then may its worker take
jobs. Children that die before they are up were refused something that the next one will be refused too; after a few the
worker is to end, and its launcher, which grows the pauses, starts it again (see `main_process`).
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from shared.jobs.stillness import silence_limit_s
from shared.jobs.store import HeldJob, JobStore
from shared.log import logger
from shared.settings import Settings
from workers.control.duties import attempt
from workers.recovery.recovery import Recovery

#: How often to look at the children.
LOOK_EVERY_S = 0.2
#: A child that died longer ago than this may have a successor that runs a job by now: leave it to that one.
LATEST_S = 1.0
#: Deaths in a row before a child was up, after which its worker ends. More than one: a child may be killed by chance.
FAILED_STARTS = 3
#: What the history of a job says that lost its child.
CHILD_DIED = "the worker's child process died"


class Watchdog(threading.Thread):
    """Renews the leases of one worker's jobs and kills its child when one of them hangs; `start` gives it its thread."""

    def __init__(
        self,
        worker: str,
        store: JobStore,
        recovery: Recovery,
        settings: Settings,
        *,
        children: Callable[[], Iterable[int]],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            children: pids of the pool.
        """
        super().__init__(name="leases", daemon=True)
        self._worker = worker
        self._store = store
        self._recovery = recovery
        self._lease_s = settings.lease_s
        self._settings = settings
        self._children = children
        self._clock_s = clock_s
        self._held: list[HeldJob] = []
        self._awake_at_s = clock_s()
        self._excused_until_s = float("-inf")
        self._is_over = threading.Event()

    @property
    def jobs(self) -> tuple[str, ...]:
        """Ids of those that the worker held at the last look."""
        return tuple(held.id for held in self._held)

    def run(self) -> None:
        self._awake_at_s = self._clock_s()
        while True:
            attempt(self.look, self.excuse_silence)
            if self._is_over.wait(self._lease_s / 3):
                return

    def stop(self) -> None:
        """End after what is being done."""
        self._is_over.set()

    def excuse_silence(self) -> None:
        """Beats cannot be written while Redis is away: for a lease from now, silence proves nothing."""
        self._excused_until_s = self._clock_s() + self._lease_s

    def look(self) -> None:
        """Renew all leases and end what hangs. Raises `RedisUnavailable`."""
        since_s, self._awake_at_s = self._clock_s() - self._awake_at_s, self._clock_s()
        if since_s > self._lease_s:
            # We were stopped, and perhaps our child with us.
            self.excuse_silence()
        self._held = self._store.renew(self._worker)
        if self._clock_s() < self._excused_until_s:
            return
        hung = [held for held in self._held if held.silent_ms > 1000 * silence_limit_s(held.phase, self._settings)]
        if hung:
            self._kill_children(hung)

    def _kill_children(self, hung: list[HeldJob]) -> None:
        for pid in self._children():
            logger().error("child.killed", pid=pid, jobs=[held.id for held in hung], silent_ms=hung[0].silent_ms)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for held in hung:
            limit_s = silence_limit_s(held.phase, self._settings)
            self._recovery.lose(
                held.id, held.token, f"step_timeout: no progress for more than {limit_s:g} s while {held.phase}"
            )


# -- the child -----------------------------------------------------------------------------------------------------------


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
    """Notices each child that is up, and each that died.

    `children` tells those of the pool; `release` gives this worker's jobs back and returns how many; `on_up` hears of each
    child that is up, `on_failed_start` of each that died before, with the number of such deaths in a row.
    """

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
        #: Whether `on_up` is yet to hear of a child.
        self._is_untold = False

    @property
    def is_up(self) -> bool:
        """Whether a child can work now."""
        return any(child.is_up and self._is_running(child.pid) for child in self._children())

    @property
    def pids(self) -> list[int]:
        """Of the pool's processes, dead ones too."""
        return [child.pid for child in self._children()]

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises `RedisUnavailable`; then the successor releases the job, and `on_up` hears of a
        child at the next look."""
        now_s = self._clock_s()
        alive = {child.pid: child.is_up for child in self._children() if self._is_running(child.pid)}
        before, since_s = self._seen, now_s - self._seen_at_s
        self._seen, self._seen_at_s = alive, now_s
        if any(is_up and not before.get(pid) for pid, is_up in alive.items()):
            self._failed_starts, self._is_untold = 0, True
        gone = before.keys() - alive.keys()
        if gone and since_s <= LATEST_S:
            given_back = self._release()
            logger().info("child.gone", pids=sorted(gone), jobs_given_back=given_back)
        if any(not before[pid] for pid in gone):
            self._failed_starts += 1
            self._on_failed_start(self._failed_starts)
        if self._is_untold and any(alive.values()):
            self._on_up()
            self._is_untold = False
