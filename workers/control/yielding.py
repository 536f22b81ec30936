"""Lets a worker give its GPU to a foreign program and come back, by setting (`yield_to_others`).

A game or a training run does not ask: it takes memory until something fails. So when the room we planned with is no
longer there, for longer than a moment, the worker finishes its job, unloads (pinned models stay: somebody wants them
there) and takes nothing; it returns once the room has been there again for a while. Both waits are needed, or two programs
that yield drive each other in circles.

It watches through NVML from the main process. What it holds itself it must be able to tell from what others hold. The
child always holds something (a CUDA context), so where the driver does not list it with its memory, what is ours is
unknown, nothing is known to be missing, and the worker stays: in a container the driver often hides the processes, or
lists the host's pids, under which nobody here is.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from shared.log import logger
from workers.control.keep_alive import OwnCommands
from workers.control.queue_order import Reads
from workers.devices.snapshot import Snapshot

#: Pause between two looks.
LOOK_EVERY_S = 2.0
#: A shortage this short is somebody's start-up or our own last job.
PATIENCE_S = 5.0
#: The room must have been there this long before we take it again.
CALM_S = 60.0
#: Less than this missing is noise of the driver.
SLACK_MIB = 256


class Yielding:
    """One worker's yielding to others."""

    def __init__(
        self,
        *,
        gpu: Callable[[], Snapshot | None],
        children: Callable[[], Collection[int]],
        usable_mib: int,
        commands: OwnCommands,
        limit_reading: Callable[[Reads], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            gpu: what the driver says now.
            children: pids of ours that may hold memory of the GPU.
            usable_mib: what the budget plans with.
            limit_reading: tells the reader which queues it may read.
        """
        self._gpu = gpu
        self._children = children
        self._usable_mib = usable_mib
        self._commands = commands
        self._limit_reading = limit_reading
        self._clock_s = clock_s
        self._stance = Stance()
        #: The command to unload; "": none is sent yet.
        self._command_id = ""
        self._has_unloaded = False

    @property
    def has_yielded(self) -> bool:
        return self._stance.has_yielded

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises `RedisUnavailable`; then the next look sends what this one could not."""
        missing = self._missing_mib()
        before, self._stance = self._stance, next_stance(self._stance, missing, self._clock_s())
        if self.has_yielded and not before.has_yielded:
            logger().warning("gpu.yielded", missing_mib=missing)
            self._command_id, self._has_unloaded = "", False
            self._limit_reading(Reads.COMMANDS)
        elif before.has_yielded and not self.has_yielded:
            logger().info("gpu.taken_again")
            self._limit_reading(Reads.ALL)
        if self.has_yielded and not self._has_unloaded:
            self._unload()

    def _unload(self) -> None:
        if not self._command_id:
            self._command_id = self._commands.unload_all()
        elif self._commands.is_done(self._command_id):
            self._has_unloaded = True
            self._limit_reading(Reads.NOTHING)

    def _missing_mib(self) -> int:
        now = self._gpu()
        ours = None if now is None else ours_mib(now, self._children())
        if now is None or ours is None:
            return 0
        return missing_mib(self._usable_mib, now.free_mib, ours)


# -- the decision, pure --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stance:
    """Whether the worker has yielded, and since when the opposite has been called for."""

    has_yielded: bool = False
    #: When the present run of looks that speak for a change began; None: the last look spoke against it.
    turning_since_s: float | None = None


def next_stance(stance: Stance, missing: int, now_s: float) -> Stance:
    """The stance after one more look at what is missing (MiB); call it every second or two."""
    is_crowded = missing > SLACK_MIB
    if is_crowded == stance.has_yielded:
        return replace(stance, turning_since_s=None)
    since_s = now_s if stance.turning_since_s is None else stance.turning_since_s
    if now_s - since_s >= (CALM_S if stance.has_yielded else PATIENCE_S):
        return Stance(has_yielded=is_crowded)
    return replace(stance, turning_since_s=since_s)


def missing_mib(usable_mib: int, free_mib: int | None, ours_mib: int) -> int:
    """How much of the planned room others have taken.

    Args:
        usable_mib: what the budget plans with.
        free_mib: what the driver has free; None: it does not say, so nothing is known to be missing.
        ours_mib: what our own process holds on the GPU, its caches included.
    """
    return 0 if free_mib is None else max(0, usable_mib - free_mib - ours_mib)


def ours_mib(gpu: Snapshot, pids: Collection[int]) -> int | None:
    """What these processes hold of the GPU; None: the driver lists none of them, or without their memory."""
    mine = [process.used_mib for process in gpu.processes if process.pid in pids]
    return None if not mine or None in mine else sum(mib for mib in mine if mib is not None)
