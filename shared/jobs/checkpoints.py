"""How far running jobs were: bytes of their engines' own, beside the records, for whoever takes a job over.

One hash a job: place of a picture → its state, and whether the attempt that wrote it was resumed itself. Only the current pen
may write it, while the job runs (`keep.lua`): so it goes with the job's end (`move.lua`), whatever is on its way then, and a
worker that was given up touches nothing of the next attempt's.

All workers together write at most `MOST_BYTES_PER_S`: what is beyond is left out, for a checkpoint that comes rarer costs
steps, and a Redis that is busy with them costs everybody. One that is larger than that is written whole, and those after it
wait until it would have been (`afford.lua`): so the largest gets through, and the rate holds over any few of its like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors, script

MOST_BYTES_PER_S = 4 * 2**20
#: The largest there is: 16 pictures of the largest size.
MOST_BYTES = 64 * 2**20
#: The field beside those of the pictures: whether the attempt that wrote them was resumed itself.
WAS_RESUMED = "was_resumed"


@dataclass(frozen=True)
class Kept:
    """What is kept of a job."""

    #: Place of a picture → its state.
    states: dict[int, bytes] = field(default_factory=dict)
    was_resumed: bool = False


class Checkpoints:
    """All access to them. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._keep = script(client, "keep")
        self._afford = script(client, "afford")

    def put(self, job_id: str, token: str, states: Mapping[int, bytes], *, was_resumed: bool) -> bool:
        """Keep a job's states instead of those before; False: too much was written of late, or the job is no longer this
        claim's, and nothing has changed.

        Args:
            token: of the claim that made them.
        """
        size = sum(map(len, states.values()))
        if size > MOST_BYTES or not self._may_write(size):
            return False
        fields = {str(place): data for place, data in states.items()} | {WAS_RESUMED: b"1" if was_resumed else b""}
        with redis_errors():
            kept = self._keep(
                keys=[keys.job(job_id), keys.checkpoint(job_id)],
                args=[token, keys.CHECKPOINT_TTL_S, *chain.from_iterable(fields.items())],
            )
        return bool(kept)

    def get(self, job_id: str) -> Kept:
        """What is kept of a job; nothing where nothing is."""
        with redis_errors():
            fields = self._redis.hgetall(keys.checkpoint(job_id))
        was_resumed = bool(fields.pop(WAS_RESUMED.encode(), b""))
        return Kept({int(place): data for place, data in fields.items()}, was_resumed)

    def _may_write(self, size: int) -> bool:
        """Whether what was written so far leaves room for more; if so, this much counts as written."""
        with redis_errors():
            may = self._afford(keys=[keys.CHECKPOINTS], args=[size, MOST_BYTES_PER_S, MOST_BYTES])
        return bool(may)
