"""Jobs whose worker fell silent, jobs whose time came or passed, messages that got lost.

Run by whichever worker holds the lock, about once a second; every step may be done twice without harm. What makes it
fast is our own lease, not the broker's visibility timeout; what makes it safe is that every move is fenced.

A job that lost its worker gets a *fresh* ticket. The broker's copy of the old one may come back later and is dropped
like any duplicate: the record, not the message, knows what the job is and which step follows it.

Silence only counts while Redis could hear: after an outage, living workers get one lease to speak up before their jobs
are taken. Otherwise each restart of Redis would cost every running job an attempt.
"""

import time
import uuid
from collections.abc import Callable

from shared.contracts.jobs import JobRecord, State
from shared.errors import Gone, IllegalMove, NotFound
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.rack.happenings import Happening, Happenings
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings
from workers.recovery.requeue import Requeue

#: How long one sweep may hold the lock.
LOCK_S = 10


class Recovery:
    """Looks for what went wrong and puts it right."""

    def __init__(
        self,
        store: JobStore,
        dispatcher: Dispatcher,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._shares = Shares(store, settings.max_wait_s)
        self._happenings = Happenings(store.redis)
        self._requeue = Requeue(store, dispatcher, settings, clock)
        self._token = uuid.uuid4().hex
        self._contact: float | None = None
        self._orphans_after = 0.0
        self._leases_ahead: dict[tuple[str, int], float] = {}

    def sweep(self) -> None:
        """One look at everything, if nobody else is looking. Raises `RedisUnavailable`; the next sweep tries again."""
        with redis_errors():
            lock = keys.lock("recovery")
            holder = self._store.redis.set(lock, self._token, nx=True, ex=LOCK_S)
            self._note_contact()
            if not holder and self._store.redis.get(lock) != self._token.encode():
                return
            self._store.redis.expire(lock, LOCK_S)
        if self._clock() >= self._orphans_after:
            self.take_orphans()
        self.end_overdue()
        self.start_due()
        self._requeue.heal()
        self._requeue.send_stale()

    def _note_contact(self) -> None:
        """After a silence of Redis (or of this process) everybody's lease may have run out: wait for one more."""
        now, lease_s = self._clock(), self._settings.lease_s
        if self._contact is None:
            uptime_s = float(self._store.redis.info("server").get("uptime_in_seconds", lease_s))
            self._orphans_after = now + max(0.0, lease_s - uptime_s)
        elif now - self._contact > self._settings.recovery_interval_s + lease_s / 2:
            self._orphans_after = now + lease_s
            logger().warning("recovery.waits", silence_s=round(now - self._contact, 1), pause_s=lease_s)
        self._contact = now

    # -- jobs whose worker is gone -----------------------------------------------------------------------------------

    def take_orphans(self) -> int:
        """Requeue (or fail) running jobs whose lease ran out; returns how many."""
        reason = f"the worker was silent for more than {self._settings.lease_s:g} s"
        taken = sum(self._lose(i, reason, only_if_lease_expired=True) for i in self._store.expired_leases())
        return taken + sum(self._lose(job_id, reason, token=token) for job_id, token in self._frozen_leases())

    def _frozen_leases(self) -> list[tuple[str, str]]:
        """Jobs whose lease ends too far ahead, because Redis' clock went back, and which nobody renews: id, token."""
        now, ahead = self._clock(), self._store.leases_ahead(round(self._settings.lease_s * 1000))
        self._leases_ahead = {lease: self._leases_ahead.get(lease, now) for lease in ahead}
        ids = [job_id for (job_id, _), since in self._leases_ahead.items() if now - since > self._settings.lease_s]
        return [(record.id, record.token) for record in self._store.get_many(ids) if record is not None]

    def release_slot(self, worker: str, reason: str) -> int:
        """Requeue everything a worker held that is known to be dead; returns how many."""
        held = self._store.held_by(worker)
        return sum(self.lose(job_id, token, reason) for job_id, token in held.items())

    def lose(self, job_id: str, token: str, reason: str) -> bool:
        """Take one job from the claim that has this token; False where there was nothing to take."""
        return self._lose(job_id, reason, token=token)

    def _lose(self, job_id: str, reason: str, *, token: str = "", only_if_lease_expired: bool = False) -> bool:
        def rule(job: JobRecord, now_ms: int) -> JobRecord:
            return lifecycle.lose(job, now_ms, reason=reason, token=token)

        try:
            record = self._store.move(job_id, rule, only_if_lease_expired=only_if_lease_expired)
        except (NotFound, Gone):
            self._store.forget(job_id)
            return False
        except IllegalMove:
            return False  # it ended, or its worker came back, between the look and the move
        logger().warning("job.recovered", job=job_id, state=record.state.value, attempt=record.attempt, reason=reason)
        self._happenings.tell(
            Happening.JOB_RECOVERED,
            owner=record.caller,
            # Back in the queue it has no worker; its history names the one that was lost.
            worker=record.history[-1].worker if record.history else record.worker,
            job=job_id,
            model=record.model,
            state=record.state.value,
            reason=reason,
        )
        if record.state == State.QUEUED:
            self._requeue.send(record)
        return True

    # -- jobs whose time came ----------------------------------------------------------------------------------------

    def end_overdue(self) -> int:
        """Fail live jobs whose deadline passed; a running one stops at its next step because its pen is gone."""
        ended = 0
        for job_id in self._store.past_deadline():
            try:
                self._store.move(job_id, lifecycle.overdue)
                ended += 1
            except (IllegalMove, NotFound, Gone):
                with redis_errors():
                    self._store.redis.zrem(keys.DEADLINES, job_id)
        return ended

    def start_due(self) -> int:
        """Send the tickets of jobs whose pause is over."""
        due = self._shares.due()
        sent = sum(map(self._start, due))
        if due:
            self._shares.due_told(due)
        return sent

    def _start(self, job_id: str) -> bool:
        try:
            [record] = self._store.get_many([job_id])
        except ValueError as exc:
            logger().error("recovery.unreadable", job=job_id, exc_info=exc)
            return False
        return record is not None and record.state == State.QUEUED and self._requeue.send(record)

    def requeue_missing(self) -> int:
        """Send a ticket for every queued job that has none now (`darkroom doctor --requeue`); returns how many."""
        return self._requeue.send_all()
