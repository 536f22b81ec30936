"""Pictures in Redis itself: hosts need no shared disk, and RAM is paid for every picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import redis

from shared.pictures.artifact_store import absence_of, checked_id, id_of
from shared.redis import keys
from shared.redis.client import redis_errors


class RedisStore:
    """An `ArtifactStore` whose pictures Redis expires by itself, by each key's TTL."""

    parts = 0

    def __init__(self, client: "redis.Redis", ttl_s: int) -> None:
        self._redis: Any = client
        self._ttl_s = ttl_s

    def put(self, data: bytes) -> str:
        artifact_id = id_of(data)
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(keys.artifact(artifact_id), data, ex=self._ttl_s)
            pipe.set(keys.gone(artifact_id), "1", ex=self._ttl_s + keys.GONE_TTL_S)
            pipe.execute()
        return artifact_id

    def get(self, artifact_id: str) -> bytes:
        with redis_errors():
            data = self._redis.getex(keys.artifact(checked_id(artifact_id)), ex=self._ttl_s)
        if data is None:
            raise absence_of(artifact_id, self._redis, self._ttl_s)
        return bytes(data)

    def renew(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.expire(keys.artifact(artifact_id), self._ttl_s)
            return {each for each, is_here in zip(artifact_ids, pipe.execute(), strict=True) if not is_here}

    def delete(self, artifact_id: str) -> None:
        with redis_errors():
            self._redis.delete(keys.artifact(artifact_id), keys.gone(artifact_id))

    def expire(self, part: int) -> int:
        return 0

    def check_identity(self) -> None:
        """Nothing to compare: whoever shares the Redis shares the store."""

    def ids(self) -> Iterator[str]:
        with redis_errors():
            found = self._redis.scan_iter(keys.artifact("*"), count=1000)
            yield from (name.decode().removeprefix(keys.artifact("")) for name in found)
