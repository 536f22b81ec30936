"""Queued jobs whose message is missing: brokers lose some, and a rebuilt broker has none.

A message is a permit to take one ready job of its queue, whichever that is, so what counts is how many there are: a queue
with fewer messages than ready jobs lacks the difference. A message that a worker holds unacknowledged does not count:
should the worker live, there is one too many, which whoever reads it drops; should it be dead, the first would come back
only after the visibility timeout. So there may be as many too many as there are workers, and not more.
"""

import time
from collections.abc import Callable

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.contracts.jobs import JobRecord, State
from shared.jobs.shares import HEALED_AT_ONCE, Shares
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

#: Jobs looked at, and tickets sent again, in one look at one queue, so that a rebuilt broker is refilled without a flood.
AT_ONCE = 500
#: Pages of a queue healed in one look: 10,000 jobs, 60 ms.
HEALED_PAGES = 20


class Requeue:
    """Finds missing messages and sends them again."""

    def __init__(
        self,
        store: JobStore,
        dispatcher: Dispatcher,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._shares = Shares(store, settings.max_wait_s)
        self._dispatcher = dispatcher
        self._stale_s = settings.stale_queued_s
        self._clock = clock
        self._sent: dict[str, float] = {}
        self._look_after: dict[str, float] = {}
        self._heal_after = float("-inf")
        #: Where in a queue the next look goes on.
        self._healed_to: dict[str, int] = {}

    def send(self, record: JobRecord) -> bool:
        """A fresh ticket; False where the broker does not take it, then a later look sends it."""
        try:
            self._dispatcher.resend(record)
        except (OperationalError, RedisError, OSError) as exc:
            logger().warning("job.not_resent", job=record.id, reason=type(exc).__name__)
            return False
        self._sent[record.id] = self._clock()
        return True

    def send_stale(self) -> int:
        """Send what is missing for the jobs that have waited for longer than `stale_queued_s`; returns how many."""
        horizon = self._clock() - self._stale_s
        self._sent = {job_id: at for job_id, at in self._sent.items() if at > horizon}
        older_than_ms = self._store.now_ms() - round(self._stale_s * 1000)
        return sum(self._send_stale_of(queue, older_than_ms) for queue, n in self._store.queue_depths().items() if n)

    def send_all(self) -> int:
        """Send everything that is missing, however young (`darkroom doctor --requeue`); returns how many."""
        sent = 0
        for queue, depth in self._store.queue_depths().items():
            self._heal_all(queue, depth)
            if missing := self._missing(queue):
                sent += sum(self.send(record) for record in self._ready(queue, None)[:missing])
        return sent

    def heal(self) -> int:
        """Let jobs be taken that wait and are in no share: those of before there were any. Returns how many."""
        if self._clock() < self._heal_after:
            return 0
        self._heal_after = self._clock() + self._stale_s
        healed = sum(self._heal_all(queue, depth) for queue, depth in self._store.queue_depths().items() if depth)
        if healed:
            logger().warning("shares.healed", jobs=healed)
        return healed

    def _heal_all(self, queue: str, depth: int) -> int:
        """A long queue is looked through only as long as something is missing; the next look goes on there."""
        healed, first = 0, self._healed_to.get(queue, 0) % max(1, depth)
        for _ in range(HEALED_PAGES):
            looked, missing = self._shares.heal(queue, first)
            healed, first = healed + missing, first + looked
            if looked < HEALED_AT_ONCE:
                first = 0
            if not missing or not first:
                break
        self._healed_to[queue] = first
        return healed

    def _send_stale_of(self, queue: str, older_than_ms: int) -> int:
        # An empty broker queue proves the loss at once; one that lacks a few may have them in workers' hands.
        if self._depth(queue) and self._clock() < self._look_after.get(queue, 0.0):
            return 0
        self._look_after[queue] = self._clock() + self._stale_s
        missing = min(AT_ONCE, self._missing(queue))
        if not missing:
            return 0
        stale = [
            record
            for record in self._ready(queue, AT_ONCE)
            if max(record.queued_at_ms, record.not_before_ms) <= older_than_ms and record.id not in self._sent
        ]
        return sum(self.send(record) for record in stale[:missing])

    def _missing(self, queue: str) -> int:
        """How many messages a queue has too few."""
        tickets = self._depth(queue)
        if tickets >= self._store.queue_depths_of([queue])[0]:
            return 0  # also what is not ready is counted there, so this is enough, and cheap
        return max(0, self._shares.ready_in([queue])[0] - tickets)

    def _ready(self, queue: str, limit: int | None) -> list[JobRecord]:
        """Those of its jobs that may be taken now."""
        now_ms = self._store.now_ms()
        return [record for record in self._queued(queue, limit) if not record.held and record.not_before_ms <= now_ms]

    def _queued(self, queue: str, limit: int | None) -> list[JobRecord]:
        """Queued records of a queue, oldest first; ids whose record has expired leave the queue."""
        ids = self._store.queued_in(queue, limit)
        found = []
        for job_id, record in zip(ids, self._store.get_many(ids), strict=True):
            if record is None:
                with redis_errors():
                    self._store.redis.zrem(keys.queue(queue), job_id)
            elif record.state == State.QUEUED:
                found.append(record)
        return found

    def _depth(self, queue: str) -> int:
        with redis_errors():
            return int(self._store.redis.llen(queue))
