"""Queued jobs whose message is missing: brokers lose some, and a rebuilt broker has none.

A record is the truth, so a missing message is a queued record's id that stands in no message of its queue. A message
that a worker holds unacknowledged does not count: should the worker live, the second ticket is dropped by whoever reads
it; should it be dead, the first would come back only after the visibility timeout.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.contracts.jobs import JobRecord, State
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

#: Jobs looked at, and tickets sent again, in one look at one queue, so that a rebuilt broker is refilled without a flood.
AT_ONCE = 500
#: Messages read at a time; one has about 700 bytes.
PAGE = 500


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
        self._dispatcher = dispatcher
        self._stale_s = settings.stale_queued_s
        self._clock = clock
        self._sent: dict[str, float] = {}
        self._look_after: dict[str, float] = {}

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
        """Send what is missing among the jobs that have waited for longer than `stale_queued_s`; returns how many."""
        horizon = self._clock() - self._stale_s
        self._sent = {job_id: at for job_id, at in self._sent.items() if at > horizon}
        older_than_ms = self._store.now_ms() - round(self._stale_s * 1000)
        return sum(self._send_stale_of(queue, older_than_ms) for queue, n in self._store.queue_depths().items() if n)

    def send_all(self) -> int:
        """Send everything that is missing, however young (`darkroom doctor --requeue`); returns how many."""
        sent = 0
        for queue in self._store.queue_depths():
            records = [record for record in self._queued(queue, None) if not self._waits(record)]
            sent += sum(self.send(record) for record in self._missing(queue, records))
        return sent

    def _send_stale_of(self, queue: str, older_than_ms: int) -> int:
        # An empty broker queue proves the loss at once; reading a full one costs more, so it is done less often.
        if self._depth(queue) and self._clock() < self._look_after.get(queue, 0.0):
            return 0
        self._look_after[queue] = self._clock() + self._stale_s
        stale = [
            record
            for record in self._queued(queue, AT_ONCE)
            if max(record.queued_at_ms, record.not_before_ms) <= older_than_ms and record.id not in self._sent
        ]
        return sum(self.send(record) for record in self._missing(queue, stale))

    def _missing(self, queue: str, records: list[JobRecord]) -> list[JobRecord]:
        absent = {record.id for record in records}
        for job_id in self._published(queue, absent):
            absent.discard(job_id)
            if not absent:
                break
        return [record for record in records if record.id in absent]

    def _published(self, queue: str, wanted: Collection[str]) -> Iterator[str]:
        """Ids in the queue's messages, the next to be read first; old jobs are there, so a look mostly ends early."""
        end = -1
        while wanted:
            with redis_errors():
                page = self._store.redis.lrange(queue, end - PAGE + 1, end)
            yield from (_id_in(message) for message in reversed(page))
            if len(page) < PAGE:
                return
            end -= PAGE

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

    def _waits(self, record: JobRecord) -> bool:
        """Whether it pauses before a retry: its ticket is sent when the pause is over."""
        return bool(record.not_before_ms) and record.not_before_ms > self._store.now_ms()

    def _depth(self, queue: str) -> int:
        with redis_errors():
            return int(self._store.redis.llen(queue))


def _id_in(message: bytes) -> str:
    """The job's id in one of kombu's messages; "" in what is none."""
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, KeyError, TypeError):
        return ""
