"""What an API process does for the library beside answering: takes in what ended, empties the trash, frees bytes.

One thread in every API process; whichever holds the lock works, the others look now and then whether it still does. The
lock only spares work: what must not be done twice is decided in the database.
"""

import threading
import time
import uuid
from collections.abc import Callable

from api.library.disk import DiskReports
from api.library.ingest import AT_ONCE, Ingest
from api.library.sweep import Sweep
from shared.errors import DarkroomError
from shared.jobs.store import JobStore
from shared.log import logger
from shared.redis import keys
from shared.redis.client import redis_errors

#: Pause between two looks at the stream; of those who do not hold the lock; and while something is away.
LOOK_EVERY_S, IDLE_S, AWAY_S = 0.2, 1.0, 2.0
#: How long the library stands still when the process that looked after it dies.
LOCK_S = 10
SWEEP_EVERY_S, STRAYS_EVERY_S = 10.0, 3600.0
OTHERS_EVERY_S = 1.0
#: An outage is told once in so long.
TOLD_EVERY_S = 30.0


class LibraryDuties(threading.Thread):
    """`start` gives it its thread; `look` does what is due."""

    def __init__(
        self,
        ingest: Ingest,
        sweep: Sweep,
        disk: DiskReports,
        store: JobStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="library", daemon=True)
        self._ingest = ingest
        self._sweep = sweep
        self._disk = disk
        self._store = store
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._others: list[Callable[[], int]] = []
        self._next_others = 0.0
        self._next_sweep = 0.0
        # Not at once: a start has enough to do.
        self._next_strays = clock() + SWEEP_EVERY_S
        self._told_at = -TOLD_EVERY_S
        self._is_over = threading.Event()

    def run(self) -> None:
        pause_s = 0.0
        while not self._is_over.wait(pause_s):
            try:
                pause_s = self.look()
            except (DarkroomError, OSError) as exc:
                pause_s = AWAY_S
                self._tell(exc)
            except Exception as exc:  # the next look may find other work
                pause_s = AWAY_S
                logger().error("library.duty_failed", exc_info=exc)

    def also(self, duty: Callable[[], int]) -> None:
        """Have something else done about once a second; it returns how much it did."""
        self._others.append(duty)

    def stop(self) -> None:
        """End after what is being done."""
        self._is_over.set()

    def look(self) -> float:
        """Do what is due, if nobody else does; returns the seconds until the next look.

        Raises:
            RedisUnavailable, LibraryUnavailable, ArtifactStoreDown, ArtifactStoreFull: the next look tries again.
        """
        if not self._take_lock():
            return IDLE_S
        taken = self._ingest.look()
        if taken == AT_ONCE:
            return 0.0
        if not taken and self._ingest.look_at_old_records():
            return 0.0
        if self._clock() >= self._next_sweep:
            self._next_sweep = self._clock() + SWEEP_EVERY_S
            self._sweep_once()
        if self._clock() >= self._next_others:
            self._next_others = self._clock() + OTHERS_EVERY_S
            for duty in self._others:
                duty()
        if self._clock() >= self._next_strays:
            self._next_strays = self._clock() + STRAYS_EVERY_S
            strays, unmarked = self._sweep.look_for_strays()
            if strays or unmarked:
                logger().info("library.marks_mended", strays=strays, marked=unmarked)
        self._sweep.mark_some()
        return LOOK_EVERY_S

    def _sweep_once(self) -> None:
        self._sweep.empty_trash()
        self._sweep.free_loose()
        self._sweep.settle_analyses()
        self._sweep.forget()
        self._disk.write()

    def _take_lock(self) -> bool:
        """Take or renew it; False while another process has it."""
        lock = keys.lock("library")
        with redis_errors():
            self._store.redis.set(lock, self._token, nx=True, ex=LOCK_S)
            if self._store.redis.get(lock) != self._token.encode():
                return False
            self._store.redis.expire(lock, LOCK_S)
        return True

    def _tell(self, exc: Exception) -> None:
        if self._clock() - self._told_at >= TOLD_EVERY_S:
            self._told_at = self._clock()
            logger().warning("library.waits", reason=str(exc))
