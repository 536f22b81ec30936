"""Jobs from before owners were indexed get their place among their owner's, once.

New jobs are indexed by the script that makes them. What an earlier version made is found here: one pass over all records, at
the first question that needs it, by whichever process asks. Twice does no harm, and a mark in Redis says that it is done.
"""

from typing import Any

from shared.contracts.jobs import JobRecord
from shared.jobs.codec import text
from shared.jobs.pictures_named import pictures_named
from shared.jobs.store import JobStore
from shared.log import logger
from shared.pictures.references import owners_lua
from shared.redis import keys
from shared.redis.client import redis_errors, script
from shared.settings import Settings

#: Records read in one go: some milliseconds of the server's time.
AT_ONCE = 500


class FormerJobs:
    """Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store = store
        self._redis: Any = store.redis
        self._adopt = script(store.redis, "adopt", before=owners_lua(settings))
        self._is_done = False

    def adopt(self) -> None:
        """Make sure that every job and batch has its place; costs nothing once it has."""
        if self._is_done:
            return
        with redis_errors():
            if not self._redis.exists(keys.OWNED):
                adopted = self._adopt_jobs() + self._adopt_batches()
                self._redis.set(keys.OWNED, "1")
                logger().info("owners.indexed", records=adopted)
        self._is_done = True

    def _adopt_jobs(self) -> int:
        before, adopted = "-inf", 0
        while rows := self._redis.zrangebyscore(keys.ALL_JOBS, before, "+inf", 0, AT_ONCE, withscores=True):
            pipe = self._redis.pipeline(transaction=False)
            for record in self._store.get_many([text(job_id) for job_id, _ in rows]):
                if record is not None:
                    self._adopt(**_adoption(record), client=pipe)
            adopted += sum(pipe.execute())
            before = f"({rows[-1][1]:.0f}"
        return adopted

    def _adopt_batches(self) -> int:
        rows = self._redis.zrange(keys.BATCHES, 0, -1, withscores=True)
        pipe = self._redis.pipeline(transaction=False)
        for batch_id, _ in rows:
            pipe.hget(keys.batch(text(batch_id)), "caller")
        owners = pipe.execute()
        for (batch_id, order), owner in zip(rows, owners, strict=True):
            if owner is not None:
                pipe.zadd(keys.owned_batches(text(owner)), {batch_id: order})
                pipe.expire(keys.owned_batches(text(owner)), keys.LIVE_TTL_S)
        pipe.execute()
        return len(rows)


def _adoption(record: JobRecord) -> dict[str, Any]:
    pictures = map(keys.picture_of, sorted(pictures_named(record)))
    return {"keys": [keys.job(record.id), *pictures], "args": [record.id, keys.LIVE_TTL_S]}
