"""Jobs whose worker fell silent, messages that got lost, artifacts nobody claims.

Run by whichever worker holds the lock, about once a second; every step may be done twice without harm. What makes it
fast is our own lease, not the broker's visibility timeout; what makes it safe is that every move is fenced.

A job that lost its worker gets a *fresh* ticket. The broker's copy of the old one may come back later and is dropped
like any duplicate: the record, not the message, knows what the job is and which step follows it.
"""

import time
import uuid
from collections.abc import Callable

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared import keys, lifecycle
from shared.artifact_store import FolderStore, RedisStore
from shared.contracts.jobs import JobRecord, State
from shared.dispatch import Dispatcher
from shared.errors import Gone, IllegalMove, NotFound
from shared.job_store import JobStore
from shared.log import logger
from shared.redis_client import redis_errors
from shared.settings import Settings

#: How long one sweep may hold the lock.
LOCK_S = 10
#: Files and indexes are cleaned this often.
HOUSEKEEPING_EVERY_S = 60.0
#: Tickets sent again in one sweep and queue, so that a rebuilt broker is refilled without a flood.
RESEND_AT_ONCE = 500
#: An artifact stored for a job that ended otherwise is dropped after so long.
PENDING_GRACE_S = 60.0


class Recovery:
    """Looks for what went wrong and puts it right."""

    def __init__(
        self,
        store: JobStore,
        dispatcher: Dispatcher,
        artifacts: FolderStore | RedisStore,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._artifacts = artifacts
        self._settings = settings
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._resent: dict[str, float] = {}
        self._pending_since: dict[str, float] = {}
        self._next_housekeeping = 0.0

    def sweep(self) -> None:
        """One look at everything, if nobody else is looking. Raises `RedisUnavailable`; the next sweep tries again."""
        with redis_errors():
            lock = keys.lock("recovery")
            holder = self._store.redis.set(lock, self._token, nx=True, ex=LOCK_S)
            if not holder and self._store.redis.get(lock) != self._token.encode():
                return
            self._store.redis.expire(lock, LOCK_S)
        self.take_orphans()
        self.end_overdue()
        self.start_due()
        self.resend_stale()
        if self._clock() >= self._next_housekeeping:
            self._next_housekeeping = self._clock() + HOUSEKEEPING_EVERY_S
            self.housekeeping()

    # -- jobs --------------------------------------------------------------------------------------------------------

    def take_orphans(self) -> int:
        """Requeue (or fail) running jobs whose lease ran out; returns how many."""
        orphans = self._store.expired_leases()
        reason = f"the worker was silent for more than {self._settings.lease_s:g} s"
        return sum(self.lose(job_id, reason, only_if_lease_expired=True) for job_id in orphans)

    def release_slot(self, worker: str, reason: str) -> int:
        """Requeue everything a worker held that is known to be dead; returns how many."""
        return sum(self.lose(job_id, reason) for job_id in self._store.held_by(worker))

    def lose(self, job_id: str, reason: str, *, only_if_lease_expired: bool = False) -> bool:
        """Take one running job from its worker; False where there was nothing to take."""
        try:
            record = self._store.move(
                job_id,
                lambda job, now_ms: lifecycle.lose(job, now_ms, reason=reason),
                only_if_lease_expired=only_if_lease_expired,
            )
        except (NotFound, Gone):
            self._store.forget(job_id)
            return False
        except IllegalMove:
            return False  # it ended, or its worker came back, between the look and the move
        logger().warning("job.recovered", job=job_id, state=record.state.value, attempt=record.attempt, reason=reason)
        if record.state == State.QUEUED:
            self._resend(record)
        return True

    def end_overdue(self) -> int:
        """Fail live jobs whose deadline passed; a running one stops at its next step because its pen is gone."""
        ended = 0
        for job_id in self._store.past_deadline():
            try:
                self._store.move(job_id, lifecycle.overdue)
                ended += 1
            except (IllegalMove, NotFound, Gone):
                self._store.redis.zrem(keys.DEADLINES, job_id)
        return ended

    def start_due(self) -> int:
        """Send the tickets of jobs whose pause is over."""
        due = [record for record in self._store.get_many(self._store.due()) if record is not None]
        return sum(self._resend(record) for record in due if record.state == State.QUEUED)

    def resend_stale(self) -> int:
        """Send a fresh ticket for queued jobs that waited long although their queue is empty: the message is lost."""
        now_ms, sent = self._store.now_ms(), 0
        for queue, depth in self._store.queue_depths().items():
            if depth and not self._broker_depth(queue):
                sent += self._resend_queue(queue, older_than_ms=now_ms - round(self._settings.stale_queued_s * 1000))
        return sent

    def _resend_queue(self, queue: str, older_than_ms: int) -> int:
        horizon = self._clock() - self._settings.stale_queued_s
        self._resent = {job_id: at for job_id, at in self._resent.items() if at > horizon}
        sent = 0
        ids = self._store.queued_in(queue, RESEND_AT_ONCE)
        for job_id, record in zip(ids, self._store.get_many(ids), strict=True):
            if record is None:
                self._store.redis.zrem(keys.queue(queue), job_id)
            elif record.queued_at_ms <= older_than_ms and record.id not in self._resent and not record.not_before_ms:
                sent += self._resend(record)
        return sent

    def _broker_depth(self, queue: str) -> int:
        with redis_errors():
            return int(self._store.redis.llen(queue))

    def _resend(self, record: JobRecord) -> bool:
        try:
            self._dispatcher.resend(record)
        except (OperationalError, RedisError, OSError) as exc:
            logger().warning("job.not_resent", job=record.id, reason=type(exc).__name__)
            return False
        self._resent[record.id] = self._clock()
        return True

    # -- things ------------------------------------------------------------------------------------------------------

    def housekeeping(self) -> None:
        """Expire pictures, drop those of jobs that ended otherwise, forget ids whose records have expired."""
        expired = self._artifacts.expire()
        dropped = self.drop_pending()
        forgotten = self._forget_expired()
        if expired or dropped or forgotten:
            logger().info("storage.cleaned", expired=expired, orphans=dropped, forgotten=forgotten)

    def drop_pending(self) -> int:
        """Delete artifacts that were stored for a job whose record does not name them; returns how many."""
        with redis_errors():
            pending = {a.decode(): j.decode() for a, j in self._store.redis.hgetall(keys.PENDING).items()}
        self._pending_since = {a: self._pending_since.get(a, self._clock()) for a in pending}
        dropped = 0
        for artifact_id, record in zip(pending, self._store.get_many(list(pending.values())), strict=True):
            if record is not None and not record.is_final:
                continue
            is_named = record is not None and artifact_id in str(record.result)
            if not is_named and self._clock() - self._pending_since[artifact_id] < PENDING_GRACE_S:
                continue  # a fenced worker may still be writing its twin
            if not is_named:
                self._artifacts.delete(artifact_id)
                dropped += 1
            with redis_errors():
                self._store.redis.hdel(keys.PENDING, artifact_id)
        return dropped

    def _forget_expired(self, at_once: int = 500) -> int:
        with redis_errors():
            oldest = [job_id.decode() for job_id in self._store.redis.zrange(keys.ALL_JOBS, 0, at_once - 1)]
        expired = [i for i, record in zip(oldest, self._store.get_many(oldest), strict=True) if record is None]
        for job_id in expired:
            self._store.forget(job_id)
        return len(expired)
