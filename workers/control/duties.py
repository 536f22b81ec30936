"""What a worker's main process does beside Celery, each thing at its pace, all on one thread.

A thread of the main process, which runs no native code of ours: a thread in the child starves whenever a kernel holds the
GIL, and a timer in Celery's loop stands still while Celery reconnects. A duty that takes long delays the others, so
nothing that a running job hangs on is one: leases have a thread of their own (see `watchdog`).
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.errors import RedisUnavailable
from shared.log import logger

TICK_S = 0.2


@dataclass(frozen=True)
class Duty:
    """One thing to do again and again."""

    #: Pause between two turns.
    every_s: float
    act: Callable[[], object]


class Duties(threading.Thread):
    """Does what is due; `start` gives it its thread. `on_outage` hears of each duty that Redis did not answer."""

    def __init__(self, duties: Sequence[Duty], on_outage: Callable[[], None]) -> None:
        super().__init__(name="duties", daemon=True)
        self._on_outage = on_outage
        self._due_s = {duty: float("-inf") for duty in duties}
        self._urgent: set[Callable[[], object]] = set()
        self._hurry = threading.Event()
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.is_set():
            for duty in self._due_s:
                if duty.act in self._urgent or time.monotonic() >= self._due_s[duty]:
                    self._urgent.discard(duty.act)
                    attempt(duty.act, self._on_outage)
                    self._due_s[duty] = time.monotonic() + duty.every_s
            self._hurry.wait(TICK_S)
            self._hurry.clear()

    def hurry(self, act: Callable[[], object]) -> None:
        """Do this duty now instead of at its next turn."""
        self._urgent.add(act)
        self._hurry.set()

    def stop(self) -> None:
        """End after what is being done."""
        self._is_over.set()
        self._hurry.set()


def attempt(act: Callable[[], object], on_outage: Callable[[], None]) -> None:
    """Do one thing whose failure must not end the thread: leases of running jobs hang on this process."""
    name = getattr(act, "__qualname__", repr(act))
    try:
        act()
    except RedisUnavailable as exc:
        on_outage()
        logger().warning("duty.waits_for_redis", duty=name, reason=exc.message)
    except Exception as exc:  # a bug in one duty stops no other
        logger().error("duty.failed", duty=name, exc_info=exc)
