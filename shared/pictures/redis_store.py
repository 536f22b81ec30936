"""Pictures in Redis itself: hosts need no shared disk, and RAM is paid for every picture.

A picture that is kept is a key without an end; every other one has its time to live.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import redis

from shared.pictures.artifact_store import absence_of, checked_id, id_of
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: What Redis says of a key that has no time to live.
_NO_END = -1


class RedisStore:
    """An `ArtifactStore` whose pictures Redis expires by itself, by each key's TTL."""

    parts = 0

    def __init__(self, client: "redis.Redis", ttl_s: int) -> None:
        self._redis: Any = client
        self._ttl_s = ttl_s
        self._delete = script(client, "artifact_delete")

    def put(self, data: bytes) -> str:
        artifact_id = id_of(data)
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            # The same bytes again only renew their time; one that is kept has none to renew (XX).
            pipe.set(keys.artifact(artifact_id), data, ex=self._ttl_s, nx=True)
            pipe.expire(keys.artifact(artifact_id), self._ttl_s, xx=True)
            pipe.set(keys.gone(artifact_id), "1", ex=self._ttl_s + keys.GONE_TTL_S)
            pipe.execute()
        return artifact_id

    def get(self, artifact_id: str) -> bytes:
        key = keys.artifact(checked_id(artifact_id))
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(key)
            pipe.expire(key, self._ttl_s, xx=True)
            data, _ = pipe.execute()
        if data is None:
            raise absence_of(artifact_id, self._redis, self._ttl_s)
        return bytes(data)

    def renew(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.expire(keys.artifact(artifact_id), self._ttl_s, xx=True)
                pipe.exists(keys.artifact(artifact_id))
            return {each for each, is_here in zip(artifact_ids, pipe.execute()[1::2], strict=True) if not is_here}

    def absent(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.exists(keys.artifact(artifact_id))
            return {each for each, is_here in zip(artifact_ids, pipe.execute(), strict=True) if not is_here}

    def delete(self, artifact_id: str) -> None:
        with redis_errors():
            self._delete(keys=[keys.artifact(artifact_id), keys.gone(artifact_id)])

    def keep(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.persist(keys.artifact(checked_id(artifact_id)))
                pipe.exists(keys.artifact(artifact_id))
            return {each for each, is_here in zip(artifact_ids, pipe.execute()[1::2], strict=True) if not is_here}

    def let_go(self, artifact_ids: Sequence[str]) -> None:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.expire(keys.artifact(artifact_id), self._ttl_s)
            pipe.execute()

    def kept(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.ttl(keys.artifact(artifact_id))
            return {each for each, ttl_s in zip(artifact_ids, pipe.execute(), strict=True) if ttl_s == _NO_END}

    def kept_ids(self) -> Iterator[str]:
        return (artifact_id for artifact_id in self.ids() if self.kept([artifact_id]))

    def expire(self, part: int) -> int:
        return 0

    def check_identity(self) -> None:
        """Nothing to compare: whoever shares the Redis shares the store."""

    def smaller(self, artifact_id: str, size: str) -> bytes | None:
        """None: what can be made from a picture is not worth its RAM."""
        return None

    def put_smaller(self, artifact_id: str, size: str, data: bytes) -> None:
        """See `smaller`."""

    def ids(self) -> Iterator[str]:
        with redis_errors():
            found = self._redis.scan_iter(keys.artifact("*"), count=1000)
            yield from (name.decode().removeprefix(keys.artifact("")) for name in found)
