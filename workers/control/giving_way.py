"""Lets a worker give its card to a foreign program and come back, by setting (`yield_to_others`).

It watches through NVML from the main process. On a shortage that lasts, the worker finishes its job, unloads (pinned
models stay: somebody wants them there) and takes nothing; when the room has been back for a while, it takes jobs again.
What it holds itself it must be able to tell from what others hold. The child always holds something (a CUDA context),
so where the driver does not list it with its memory, what is ours is unknown, nothing is known to be missing, and the
worker stays: in a container the driver often hides the processes, or lists the host's pids, under which nobody here is.
"""

import time
from collections.abc import Callable, Collection

from shared.log import logger
from workers.control.keep_alive import OwnCommands
from workers.control.queue_order import Reads
from workers.control.yielding import Stance, look, missing_mib
from workers.devices.gpu import Snapshot

#: Pause between two looks.
LOOK_EVERY_S = 2.0


class GivingWay:
    """One worker's manners."""

    def __init__(
        self,
        *,
        card: Callable[[], Snapshot | None],
        children: Callable[[], Collection[int]],
        usable_mib: int,
        orders: OwnCommands,
        limit_reading: Callable[[Reads], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            card: what the driver says now.
            children: pids of ours that may hold memory of the card.
            usable_mib: what the budget plans with.
            limit_reading: tells the reader which queues it may read.
        """
        self._card = card
        self._children = children
        self._usable_mib = usable_mib
        self._orders = orders
        self._limit_reading = limit_reading
        self._clock_s = clock_s
        self._stance = Stance()
        self._order_id = ""

    @property
    def has_yielded(self) -> bool:
        return self._stance.has_yielded

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`."""
        missing = self._missing_mib()
        before, self._stance = self._stance, look(self._stance, missing, self._clock_s())
        if self.has_yielded and not before.has_yielded:
            logger().warning("card.yielded", missing_mib=missing)
            self._limit_reading(Reads.ORDERS)
            self._order_id = self._orders.unload_all()
        elif before.has_yielded and not self.has_yielded:
            logger().info("card.taken_again")
            self._order_id = ""
            self._limit_reading(Reads.ALL)
        elif self._order_id and self._orders.is_done(self._order_id):
            self._order_id = ""
            self._limit_reading(Reads.NOTHING)

    def _missing_mib(self) -> int:
        now = self._card()
        ours = None if now is None else ours_mib(now, self._children())
        if now is None or ours is None:
            return 0
        return missing_mib(self._usable_mib, now.free_mib, ours)


def ours_mib(card: Snapshot, pids: Collection[int]) -> int | None:
    """What these processes hold of the card; None: the driver lists none of them, or without their memory."""
    mine = [process.used_mib for process in card.processes if process.pid in pids]
    return None if not mine or None in mine else sum(mib for mib in mine if mib is not None)
