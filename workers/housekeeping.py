"""Things past their time: pictures, artifacts of jobs that ended otherwise, ids whose records have expired.

Run by whichever worker holds the recovery lock, once a minute; everything may be done twice without harm.
"""

import time
from collections.abc import Callable

from shared import keys
from shared.artifact_store import FolderStore, RedisStore
from shared.contracts.jobs import JobRecord
from shared.job_store import JobStore
from shared.log import logger
from shared.redis_client import redis_errors

EVERY_S = 60.0
#: An artifact stored for a job that ended otherwise is dropped after so long.
PENDING_GRACE_S = 60.0
#: Ids looked at in one round, and in one call.
IDS_A_ROUND, IDS_AT_ONCE = 10_000, 500


class Housekeeping:
    """Cleans up when it is due."""

    def __init__(
        self,
        store: JobStore,
        artifacts: FolderStore | RedisStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._next = 0.0
        self._rank = 0
        self._pending_since: dict[str, float] = {}

    def run_if_due(self) -> None:
        """Raises `RedisUnavailable`; the next look tries again."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY_S
        expired = self._artifacts.expire()
        dropped = self.drop_pending()
        forgotten = self.forget_expired()
        if expired or dropped or forgotten:
            logger().info("storage.cleaned", expired=expired, orphans=dropped, forgotten=forgotten)

    def drop_pending(self) -> int:
        """Delete artifacts that were stored for a job whose record does not name them; returns how many."""
        with redis_errors():
            pending = {a.decode(): j.decode() for a, j in self._store.redis.hgetall(keys.PENDING).items()}
        self._pending_since = {a: self._pending_since.get(a, self._clock()) for a in pending}
        dropped = 0
        for artifact_id, record in zip(pending, self._store.get_many(list(pending.values())), strict=True):
            if not self._is_decided(artifact_id, record):
                continue
            if record is None or not _names(record, artifact_id):
                self._artifacts.delete(artifact_id)
                dropped += 1
            with redis_errors():
                self._store.redis.hdel(keys.PENDING, artifact_id)
        return dropped

    def _is_decided(self, artifact_id: str, record: JobRecord | None) -> bool:
        if record is not None and not record.is_final:
            return False
        is_named = record is not None and _names(record, artifact_id)
        # Not named: a fenced worker may still be about to write it.
        return is_named or self._clock() - self._pending_since[artifact_id] >= PENDING_GRACE_S

    def forget_expired(self) -> int:
        """Drop ids without a record from the indexes, a part of them each round; returns how many."""
        forgotten = looked = 0
        while looked < IDS_A_ROUND:
            with redis_errors():
                rows = self._store.redis.zrange(keys.ALL_JOBS, self._rank, self._rank + IDS_AT_ONCE - 1)
            ids = [job_id.decode() for job_id in rows]
            expired = [i for i, record in zip(ids, self._store.get_many(ids), strict=True) if record is None]
            for job_id in expired:
                self._store.forget(job_id)
            forgotten, looked = forgotten + len(expired), looked + len(ids)
            self._rank += len(ids) - len(expired)
            if len(ids) < IDS_AT_ONCE:
                self._rank = 0
                break
        return forgotten


def _names(record: JobRecord, artifact_id: str) -> bool:
    return artifact_id in str(record.result)
