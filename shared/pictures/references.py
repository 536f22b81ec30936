"""Who may open a picture: whoever has a job, a batch or an upload that names it.

Ids follow from the bytes, so knowing one is no right. A reference lives as long as the picture would, and for as long after
that as its id is remembered, counted from its last mention or use; so it never ends before the picture does. Jobs write theirs
in the scripts that make and end them (`lua/owners.lua`); this writes those of uploads.
"""

from collections.abc import Sequence
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import LUA, redis_errors, script
from shared.settings import Settings


def reference_ttl_s(settings: Settings) -> int:
    """Seconds that a reference outlives its last mention or use."""
    return settings.artifact_ttl_s + keys.GONE_TTL_S


def owners_lua(settings: Settings) -> str:
    """What every script that makes or moves a job or a batch begins with."""
    return f"local REFERENCE_TTL_S = {reference_ttl_s(settings)}\n" + (LUA / "owners.lua").read_text()


class PictureReferences:
    """Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", settings: Settings) -> None:
        self._redis: Any = client
        self._ttl_s = reference_ttl_s(settings)
        self._open = script(client, "open_pictures", before=owners_lua(settings))

    def add(self, person: str, artifact_ids: Sequence[str], *, are_kept: bool = False) -> None:
        """From now on this person may open these.

        Args:
            are_kept: whether somebody keeps the pictures: then the right to open them does not end either.
        """
        with redis_errors():
            self._open(keys=list(map(keys.picture_of, artifact_ids)), args=[person, "kept" if are_kept else ""])

    def let_go(self, artifact_ids: Sequence[str]) -> None:
        """Nobody keeps these any more: the right to open them ends some time after its last use."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.expire(keys.picture_of(artifact_id), self._ttl_s)
            pipe.execute()

    def opened_to(self, person: str, artifact_ids: Sequence[str]) -> set[str]:
        """Those of the pictures that this person may open, in one round trip; asking is a use."""
        return self._found(artifact_ids, lambda pipe, key: pipe.sismember(key, person))

    def opened_to_anybody(self, artifact_ids: Sequence[str]) -> set[str]:
        """Those of the pictures that somebody may open; asking is a use."""
        return self._found(artifact_ids, lambda pipe, key: pipe.exists(key))

    def _found(self, artifact_ids: Sequence[str], ask: Any) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                ask(pipe, keys.picture_of(artifact_id))
                # Only where there is an end to be put off: those of kept pictures have none.
                pipe.expire(keys.picture_of(artifact_id), self._ttl_s, xx=True)
            answers = pipe.execute()
        return {each for each, is_open in zip(artifact_ids, answers[0::2], strict=True) if is_open}
