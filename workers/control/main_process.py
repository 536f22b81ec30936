"""How a worker's main process begins and ends: ready, drained, orphaned, stopped. It never touches CUDA."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.errors import RedisUnavailable
from shared.log import logger
from shared.queue.broker import STOP_MARGIN_S
from shared.rack.happenings import Happening, Happenings
from shared.rack.worker_registry import WorkerRegistry
from workers.control.duties import Duties
from workers.control.reports import Standing
from workers.control.watchdog import FAILED_STARTS, Watchdog
from workers.devices.gpu_lock import GpuLock
from workers.devices.slot import Slot

#: How often to see whether the launcher lives.
FOLLOW_EVERY_S = 1.0


def end_this_worker(limit_s: float) -> None:
    """Ask this main process to drain; what is left of it and its children after the limit is killed."""
    os.kill(os.getpid(), signal.SIGTERM)
    end = threading.Timer(limit_s, os.killpg, (os.getpgrp(), signal.SIGKILL))
    end.daemon = True
    end.start()


class Starts:
    """What the start of a child means for its worker: it is ready, or it must end.

    `tell_ready` tells the launcher; `end` ends this worker within so many seconds.
    """

    def __init__(
        self,
        slot: Slot,
        registry: WorkerRegistry,
        tell_ready: Callable[[], None],
        end: Callable[[float], None] = end_this_worker,
        happenings: Happenings | None = None,
    ) -> None:
        self._happenings = happenings
        self._slot = slot
        self._registry = registry
        self._tell_ready = tell_ready
        self._end = end
        self._is_leaving = False

    def worked(self) -> None:
        """Raises `RedisUnavailable`; then nothing was told yet."""
        self._registry.forget_trouble(self._slot.name)
        self._tell_ready()
        logger().info("worker.ready", worker=self._slot.name, gpu=self._slot.gpu, models=len(self._slot.models))
        if self._happenings is not None:
            self._happenings.tell(Happening.WORKER_READY, worker=self._slot.name)

    def failed(self, in_a_row: int) -> None:
        """A child that said why it cannot work ends the worker at once, one that just dies after a few times."""
        reason = self._registry.trouble(self._slot.name)
        if self._is_leaving or not (reason or in_a_row >= FAILED_STARTS):
            return
        self._is_leaving = True
        reason = reason or "its child dies while starting"
        logger().error("worker.cannot_work", worker=self._slot.name, reason=reason)
        if self._happenings is not None:
            self._happenings.tell(Happening.WORKER_UNFIT, worker=self._slot.name, reason=reason)
        self._end(STOP_MARGIN_S)


class LauncherWatch:
    """A worker whose launcher died drains and ends; until then its GPU stays locked against a new launcher."""

    def __init__(self, gpu_lock: GpuLock, drain_s: float, end: Callable[[float], None] = end_this_worker) -> None:
        self._gpu_lock = gpu_lock
        self._drain_s = drain_s
        self._end = end
        self._launcher_pid = os.getppid()
        self._is_orphan = False

    def look(self) -> None:
        """Call it every `FOLLOW_EVERY_S`. Raises `RedisUnavailable`."""
        if os.getppid() != self._launcher_pid and not self._is_orphan:
            logger().warning("launcher.lost")
            self._is_orphan = True
            self._end(self._drain_s)
        if self._is_orphan:
            self._gpu_lock.prolong(os.getpid())

    def release(self) -> None:
        """The worker ends: an orphan was the last that held its GPU. Raises `RedisUnavailable`."""
        if self._is_orphan:
            self._gpu_lock.release_as(os.getpid())


@dataclass(frozen=True)
class MainProcess:
    """All that a worker's main process does beside Celery."""

    name: str
    registry: WorkerRegistry
    watchdog: Watchdog
    duties: Duties
    standing: Standing
    launcher_watch: LauncherWatch
    #: What else has a thread of its own; it ends with the process.
    others: Sequence[threading.Thread] = ()
    #: Who hears that it was stopped; None: nobody.
    happenings: Happenings | None = None

    def start(self) -> None:
        with contextlib.suppress(RedisUnavailable):
            self.standing.tell()  # the one before it may have been asked to stop
        for thread in (self.watchdog, self.duties, *self.others):
            thread.start()

    def drain(self) -> None:
        """The worker takes no more jobs and ends after those it runs; its child, whose run would take more, hears of it."""
        self.standing.drain()
        with contextlib.suppress(RedisUnavailable):
            self.standing.tell()

    def stop(self) -> None:
        """The worker ends cleanly: it says so, instead of falling silent."""
        self.watchdog.stop()
        self.duties.stop()
        with contextlib.suppress(RedisUnavailable):
            self.registry.leave(self.name)
            self.launcher_watch.release()
        if self.happenings is not None:
            self.happenings.tell(Happening.WORKER_LEFT, worker=self.name)
