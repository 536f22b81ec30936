"""Things past their time: pictures, what they count for people, artifacts of jobs that ended otherwise, ids whose records have
expired.

A thread of every worker's main process, and only of whichever holds the lock: a folder of a million pictures, or one on a
network share, takes as long as it takes, and no lease waits for it. Pictures are looked at a part of the folder at a
time, spread over a hundredth of their life (an hour at most): a million files then cost a look at 4,000 every 14 s.
Everything may be done twice without harm.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable

from shared.accounts.quotas import Quotas
from shared.contracts.jobs import JobRecord
from shared.errors import ArtifactStoreDown, RedisUnavailable
from shared.jobs.store import JobStore
from shared.log import logger
from shared.pictures.artifact_store import ArtifactStore
from shared.redis import keys
from shared.redis.client import redis_errors
from workers.recovery.picture_counts import PictureCounts

EVERY_S = 60.0
#: Pause between two looks at what is due.
LOOK_EVERY_S = 1.0
#: How long the housekeeping stands still when the worker that did it dies.
LOCK_S = 60
#: A round over all pictures takes a hundredth of their life, within these bounds.
ROUND_S, LONGEST_ROUND_S = 60.0, 3600.0
#: An artifact stored for a job that ended otherwise is dropped after so long.
PENDING_GRACE_S = 60.0
#: Ids looked at in one round, and in one call.
IDS_A_ROUND, IDS_AT_ONCE = 10_000, 500


class Housekeeping(threading.Thread):
    """Cleans up when it is due; `start` gives it its thread."""

    def __init__(
        self,
        store: JobStore,
        artifacts: ArtifactStore,
        artifact_ttl_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="housekeeping", daemon=True)
        self._store = store
        self._artifacts = artifacts
        self._counts = PictureCounts(Quotas(store.redis), artifacts)
        self._part_every_s = min(LONGEST_ROUND_S, max(ROUND_S, artifact_ttl_s / 100)) / max(1, artifacts.parts)
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._next = self._next_part = 0.0
        # Anywhere: the first parts must not be the only ones that hosts which restart often ever look at.
        self._part = random.randrange(max(1, artifacts.parts))
        self._rank = 0
        self._pending_since: dict[str, float] = {}
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            try:
                self.look()
            except (RedisUnavailable, ArtifactStoreDown, OSError) as exc:
                logger().warning("storage.not_cleaned", reason=str(exc))
            except Exception as exc:  # one odd file must not leave a full disk behind
                logger().error("storage.cleaning_failed", exc_info=exc)

    def stop(self) -> None:
        """End after what is being done."""
        self._is_over.set()

    def look(self) -> None:
        """Do what is due, if nobody else does. Raises `RedisUnavailable`, OSError; the next look tries again."""
        if self._clock() < min(self._next, self._next_part):
            return
        holds_lock = self._take_lock()
        if not holds_lock:
            return
        expired = dropped = forgotten = 0
        if self._artifacts.parts and self._clock() >= self._next_part:
            self._next_part = self._clock() + self._part_every_s
            self._part = (self._part + 1) % self._artifacts.parts
            expired = self._artifacts.expire(self._part)
        if self._clock() >= self._next:
            self._next = self._clock() + EVERY_S
            dropped = self.drop_pending()
            forgotten = self.forget_expired()
            self._counts.look()
        if expired or dropped or forgotten:
            logger().info("storage.cleaned", expired=expired, orphans=dropped, forgotten=forgotten)

    def _take_lock(self) -> bool:
        """Take or renew it; False while another worker has it."""
        lock = keys.lock("housekeeping")
        with redis_errors():
            self._store.redis.set(lock, self._token, nx=True, ex=LOCK_S)
            if self._store.redis.get(lock) != self._token.encode():
                return False
            self._store.redis.expire(lock, LOCK_S)
        return True

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
