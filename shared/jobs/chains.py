"""What the end of one step means for the next: it is released, answered from what was done before, or ended too.

Every move may be made twice without harm: the runner makes it when a job ends, and whoever looks after chains makes it
again where the runner died in between.
"""

from typing import Any

from shared.contracts.jobs import JobRecord, State
from shared.errors import Gone, IllegalMove, NotFound, PreviousStepFailed
from shared.jobs import lifecycle
from shared.jobs.chain_rules import answered, answering, made_with, may_be_reused, released, reuse_key, with_picture
from shared.jobs.store import JobStore, Rule
from shared.log import logger
from shared.rack.current_weights import CurrentWeights
from shared.rack.worker_registry import WorkerRegistry
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings


class Chains:
    """Moves chains on. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, store: JobStore, settings: Settings, *, waits: bool = False) -> None:
        """`waits`: whether moves wait for Redis, see `JobStore.move`."""
        self._store = store
        self._waits = waits
        self._redis: Any = store.redis
        self._settings = settings
        self._weights = CurrentWeights(WorkerRegistry(store.redis))

    def advance(self, ended: JobRecord) -> JobRecord | None:
        """Do what this end means for the steps behind it; returns the one that is queued now and needs a ticket."""
        while ended.is_final and ended.next_id:
            following = self._follow(ended)
            if following is None or following.state == State.QUEUED:
                return following
            ended = following
        return None

    def take_over(self, record: JobRecord) -> JobRecord | None:
        """End a job that is not running with what was answered before; None where there is nothing that fits."""
        source = self._done_before(record)
        if source is None:
            return None
        taken = self._move(record.id, lambda job, now_ms: answered(job, now_ms, source=source))
        if taken is not None:
            logger().info("job.reused", job=taken.id, source=taken.reused_from)
        return taken

    def remember(self, ended: JobRecord) -> None:
        """Keep a fresh answer for whoever asks the same."""
        key = reuse_key(ended, made_with(ended))
        if not key or ended.reused_from or not may_be_reused(ended):
            return
        with redis_errors():
            self._redis.set(keys.reuse(key), ended.id, ex=self._settings.record_ttl_s)

    def _follow(self, ended: JobRecord) -> JobRecord | None:
        """The next record as it is then; None where it is not ours to move any more."""
        if ended.state == State.SUCCEEDED:
            return self._take_over_next(ended) or self._move(
                ended.next_id, lambda job, now_ms: released(job, now_ms, previous=ended)
            )
        if ended.state == State.CANCELLED:
            return self._move(ended.next_id, lifecycle.cancel)
        code = ended.error.code if ended.error else "unknown"
        error = PreviousStepFailed(f"the step before, job {ended.id}, failed: {code}")
        return self._move(ended.next_id, lambda job, now_ms: lifecycle.refuse(job, now_ms, error=error))

    def _take_over_next(self, ended: JobRecord) -> JobRecord | None:
        try:
            waiting = self._store.get(ended.next_id)
        except (NotFound, Gone):
            return None
        if waiting.state != State.WAITING or not waiting.asked:
            return None
        picture = released(waiting, 0, previous=ended).params["image"]
        source = self._done_before(with_picture(waiting, picture))
        if source is None:
            return None
        return self._move(waiting.id, lambda job, now_ms: answered(with_picture(job, picture), now_ms, source=source))

    def _done_before(self, record: JobRecord) -> JobRecord | None:
        key = reuse_key(record, self._weights.of(answering(record))) if record.asked else ""
        if not key:
            return None
        with redis_errors():
            found = self._redis.get(keys.reuse(key))
        if found is None:
            return None
        source = self._store.get_many([found.decode()])[0]
        if source is None or source.caller != record.caller:
            return None
        return source if may_be_reused(source) else None

    def _move(self, job_id: str, rule: Rule) -> JobRecord | None:
        try:
            return self._store.move(job_id, rule, waits=self._waits)
        except (IllegalMove, NotFound, Gone):
            return None  # it ended by itself, or another one moved it already
