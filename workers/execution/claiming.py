"""A worker takes jobs: the one of a queue whose turn it is, and those that may share its passes.

A message is a permit: it says that its queue has a ready job, and the claim takes the one whose turn it is, which need not
be the one that the message names. So nobody waits because others sent first (`shared.jobs.fair_share`).
"""

import uuid
from collections.abc import Callable
from contextlib import suppress

from shared.contracts.jobs import JobRecord, State
from shared.errors import Busy, DarkroomError, Gone, IllegalMove, NotFound, RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore, Rule
from shared.redis.client import until_redis_answers
from workers.devices.slot import Slot
from workers.execution.progress import Claim


class NotOurs(Exception):
    """The message stands for no work: a duplicate, a job of somebody else, an unknown id."""


class NotWanted(IllegalMove):
    """A job that could be claimed, and is left to others."""


def anybody(job: JobRecord) -> bool:
    """Every job is wanted."""
    return True


class Claiming:
    """The claims of one worker's child."""

    def __init__(self, store: JobStore, slot: Slot, max_wait_s: float) -> None:
        self._store = store
        self._slot = slot
        self._shares = Shares(store, max_wait_s)

    def claim(self, job_id: str, queue: str) -> Claim:
        """The next job of a queue; the one that a message names where the queue has none that is ready.

        Args:
            queue: "": where that job waits.

        Raises:
            NotOurs: there is nothing to do.
        """
        try:
            claim = self.next_of(queue or self._queue_of(job_id)) or self._claim_itself(job_id, queue)
        except (Busy, IllegalMove, NotFound, Gone) as exc:
            raise NotOurs(exc.message) from exc
        if claim.record.state != State.RUNNING:
            raise NotOurs(f"job {claim.record.id} is {claim.record.state.value}")
        return claim

    def next_of(self, queue: str, is_wanted: Callable[[JobRecord], bool] = anybody) -> Claim | None:
        """The job of a queue whose turn it is; those found overdue end on the way. None: it has none that is ready, or the
        one whose turn it is is not wanted.

        One token for all tries, and before each further one a look whether the one before was made and only its answer was
        lost: else that job would be held here and run by nobody.
        """
        token, rule = self._pen(is_wanted)
        tries = 0

        def take() -> JobRecord | None:
            nonlocal tries
            tries += 1
            mine = self._claimed_with(token) if tries > 1 else None
            return mine or self._shares.claim_next(queue, rule)

        with suppress(NotWanted):
            while (record := until_redis_answers(take)) is not None:
                if record.state == State.RUNNING:
                    return Claim(record, token)
        return None

    def _claimed_with(self, token: str) -> JobRecord | None:
        held = self._store.held_by(self._slot.name)
        ours = [job_id for job_id, pen in held.items() if pen == token]
        return self._store.get(ours[0]) if ours else None

    def _claim_itself(self, job_id: str, queue: str) -> Claim:
        record = until_redis_answers(lambda: self._store.get(job_id))
        if queue and record.queue != queue:
            raise IllegalMove(f"job {job_id} waits in {record.queue} by now, and {queue} has no job that is ready")
        return self._claim_now(job_id)

    def _queue_of(self, job_id: str) -> str:
        return until_redis_answers(lambda: self._store.get(job_id)).queue

    def _claim_now(self, job_id: str, is_wanted: Callable[[JobRecord], bool] = anybody) -> Claim:
        """One token for all tries: a claim whose answer was lost must find itself, not somebody else's."""
        token, rule = self._pen(is_wanted)
        return Claim(until_redis_answers(lambda: self._store.move(job_id, rule)), token)

    def _pen(self, is_wanted: Callable[[JobRecord], bool] = anybody) -> tuple[str, Rule]:
        """A fresh token, and the claim that writes it; whether a job is wanted is asked until it is claimed, and not after."""
        token, slot = uuid.uuid4().hex, self._slot

        def rule(job: JobRecord, now_ms: int) -> JobRecord:
            if job.token != token and not is_wanted(job):
                raise NotWanted(f"job {job.id} is not wanted here")
            return lifecycle.claim(job, now_ms, worker=slot.name, gpu=slot.gpu, token=token)

        return token, rule

    def peers_of(self, first: JobRecord, room: int, is_wanted: Callable[[JobRecord], bool] = anybody) -> list[Claim]:
        """Ready jobs that may share this one's passes, `room` at the most; only where each is on its first attempt. None
        while Redis is away: the job in hand must not wait for company.

        Args:
            is_wanted: of those that could; asked of each record before it is claimed.
        """
        if room < 1 or not first.batch_key:
            return []
        claims: list[Claim] = []
        for job_id in self._peers_of(first.batch_key, 4 * room):
            if len(claims) == room:
                break
            try:
                claim = self._claim_now(job_id, is_wanted)
            except DarkroomError:
                continue  # somebody else was faster
            if claim.record.state == State.RUNNING:
                claims.append(claim)
        return claims

    def _peers_of(self, batch_key: str, limit: int) -> list[str]:
        try:
            return self._shares.peers(batch_key, limit)
        except RedisUnavailable:
            return []
