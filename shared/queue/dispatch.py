"""Record first, message second. The only file that sends work.

If the message cannot be sent, the record says so (`broker_unavailable`) and the caller gets 503. If even that cannot be
written, the record stays queued without a message, and recovery sends one: the job may then run although its caller
was told to try again, which an Idempotency-Key makes harmless.
"""

import time
from collections.abc import Callable, Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.accounts.limits import NO_LIMITS
from shared.contracts.access import Limits
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.errors import BrokerUnavailable, IllegalMove, RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.store import Idempotency, JobStore
from shared.log import logger
from shared.queue.broker import publish, publish_chains

#: Between tries of a message that must get through.
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 2.0
#: What publishing raises when the broker is away or refuses.
_BROKER_ERRORS = (OperationalError, RedisError, OSError)


class Dispatcher:
    """Makes jobs and sends their tickets."""

    def __init__(self, store: JobStore, app: Celery, check_room: Callable[[], None] = lambda: None) -> None:
        """`check_room` is asked before a job that makes pictures is stored, and raises where there is none for them."""
        self._store = store
        self._app = app
        self._check_room = check_room

    def submit(
        self,
        record: JobRecord,
        *,
        idempotency: Idempotency | None = None,
        deadline_s: float | None = None,
        limits: Limits = NO_LIMITS,
    ) -> tuple[JobRecord, bool]:
        """Store a job and send its ticket; returns the record and whether it is new. `limits`: of its person.

        Raises:
            BrokerUnavailable: stored, but not sent; the record has failed.
            ArtifactStoreFull: there is too little room for its pictures; nothing was stored.
            and whatever `JobStore.create` raises: nothing was stored.
        """
        if KIND_RULES[record.kind].makes_pictures:
            self._check_room()
        stored, is_new = self._store.create(record, idempotency=idempotency, deadline_s=deadline_s, limits=limits)
        if is_new and stored.state == State.QUEUED and not stored.held:
            self._send_new(stored, idempotency)
            logger().info("job.queued", job=stored.id, kind=stored.kind, model=stored.model, queue=stored.queue)
        return stored, is_new

    def _send_new(self, record: JobRecord, idempotency: Idempotency | None) -> None:
        try:
            self.send(record)
        except BrokerUnavailable:
            if idempotency is not None:  # told to try again, the caller must not get the failed job for ever
                self._store.forget_idempotency(record.caller, idempotency)
            raise

    def send(self, record: JobRecord) -> None:
        """Send the ticket of a queued record; a record that cannot be sent fails.

        Raises:
            BrokerUnavailable: see `submit`.
        """
        try:
            publish(self._app, record.id, record.queue)
        except _BROKER_ERRORS as exc:
            error = BrokerUnavailable(f"the job's message could not be sent ({type(exc).__name__})", retry_after_s=2)
            self._refuse(record, error)
            raise error from exc

    def resend(self, record: JobRecord) -> None:
        """Send a fresh ticket for a queued record whose first one may be lost. Raises what the broker raises."""
        publish(self._app, record.id, record.queue)

    def send_run(self, ticket: str, queue: str) -> None:
        """Send a worker the message that lets its run go on; tries for as long as the broker is away, for the run's jobs
        stand still until it comes.

        Args:
            ticket: an id that is no job's.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return publish(self._app, ticket, queue)
            except _BROKER_ERRORS as exc:
                logger().warning("run.waits_for_the_broker", reason=type(exc).__name__)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)

    def send_chains(self, chains: Sequence[Sequence[JobRecord]]) -> bool:
        """Send the tickets of stored chains; False where the broker did not take them all: recovery sends the rest."""
        try:
            publish_chains(self._app, [(chain[0].batch, [(job.id, job.queue) for job in chain]) for chain in chains])
        except _BROKER_ERRORS as exc:
            logger().warning("chains.left_to_recovery", chains=len(chains), reason=type(exc).__name__)
            return False
        return True

    def try_resend_many(self, jobs: Sequence[tuple[str, str]]) -> bool:
        """Send fresh tickets of jobs (id, queue) in few round trips; False where the broker did not take them all: recovery
        sends the rest."""
        try:
            publish_chains(self._app, [(job_id, [(job_id, queue)]) for job_id, queue in jobs])
        except _BROKER_ERRORS as exc:
            logger().warning("jobs.left_to_recovery", jobs=len(jobs), reason=type(exc).__name__)
            return False
        return True

    def try_resend(self, record: JobRecord) -> bool:
        """Like `resend`; False where the broker did not take it: recovery sends it."""
        try:
            self.resend(record)
        except _BROKER_ERRORS as exc:
            logger().warning("job.left_to_recovery", job=record.id, reason=type(exc).__name__)
            return False
        return True

    def _refuse(self, record: JobRecord, error: BrokerUnavailable) -> None:
        try:
            self._store.move(record.id, lambda job, now_ms: lifecycle.refuse(job, now_ms, error=error))
        except (RedisUnavailable, IllegalMove) as exc:
            logger().warning("job.left_to_recovery", job=record.id, reason=exc.message)
