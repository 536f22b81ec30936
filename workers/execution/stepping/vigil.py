"""Watches over runs between two of their tickets: another model is at work, a command is carried out, a ticket is on its way.

Their jobs are held by this worker all the while. They must be told to be alive, for silence is a hang; who is cancelled or
overdue leaves; a ticket that nobody brings is sent again; and where the worker will read no other, the jobs go back.
"""

import threading
import time
from collections.abc import Callable, Mapping

from shared.errors import RedisUnavailable
from shared.log import logger
from workers.execution.stepping.run import SteppingRun

LOOK_EVERY_S = 0.25
#: A run waits longer than this for its ticket only behind something else, or because the message was lost.
LOST_AFTER_S = 15.0


class Vigil:
    """The watch over one process' runs; `start` gives it its thread."""

    def __init__(
        self,
        runs: Mapping[str, SteppingRun],
        *,
        takes_nobody: Callable[[], bool],
        is_busy: Callable[[], bool],
        send_again: Callable[[SteppingRun], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            runs: by model; others add to it.
            takes_nobody: whether this worker will read no other ticket. May raise `RedisUnavailable`.
            is_busy: whether this process has a message in hand.
            send_again: sends the ticket that a run waits for.
        """
        self._runs = runs
        self._takes_nobody = takes_nobody
        self._is_busy = is_busy
        self._send_again = send_again
        self._clock = clock
        self._idle_since_s: float | None = None
        self._is_over = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="vigil", daemon=True).start()

    def stop(self) -> None:
        """No look begins any more."""
        self._is_over.set()

    def look(self) -> None:
        """One look at all runs. Raises `RedisUnavailable`."""
        waiting = [run for run in list(self._runs.values()) if run.members and run.tend(must_leave=False)]
        if not waiting:
            self._idle_since_s = None
            return
        if self._takes_nobody():
            for run in waiting:
                run.tend(must_leave=True)
            return
        now_s = self._clock()
        if self._is_busy() or self._idle_since_s is None:
            self._idle_since_s = now_s
        elif now_s - self._idle_since_s > LOST_AFTER_S:
            self._idle_since_s = now_s
            for run in waiting:
                self._send_again(run)

    def _watch(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            try:
                self.look()
            except RedisUnavailable as exc:
                logger().warning("vigil.waits_for_redis", reason=exc.message)
            except Exception as exc:  # whoever it concerns falls silent, and is found by that
                logger().error("vigil.failed", exc_info=exc)
