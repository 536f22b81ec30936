"""How far running jobs were: bytes of their engines' own, beside the records, for whoever takes a job over.

One hash a job: place of a picture → its state, and what is to be known of the attempt that wrote it. Only the current pen
may write it, while the job runs (`keep.lua`): so it goes with the job's end (`move.lua`), whatever is on its way then, and a
worker that was given up touches nothing of the next attempt's.

All workers together write at most `MOST_BYTES_PER_S`: what is beyond is left out, for a checkpoint that comes rarer costs
steps, and a Redis that is busy with them costs everybody. One that is larger than that is written whole, and those after it
wait until it would have been (`afford.lua`): so the largest gets through, and the rate holds over any few of its like.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors, script

MOST_BYTES_PER_S = 4 * 2**20
#: Nothing larger is kept. 16 pictures of 2048 × 2048 in fp32 take 16 MiB, with what most samplers remember 48.
MOST_BYTES = 64 * 2**20
#: The field beside those of the pictures. The version before kept a flag in it, and takes whatever stands there for one.
ABOUT = b"was_resumed"


@dataclass(frozen=True)
class Kept:
    """What is kept of a job."""

    #: Place of a picture → its state.
    states: Mapping[int, bytes] = field(default_factory=dict)
    #: Which attempt wrote it.
    attempt: int = 1
    #: Whether that one had gone on from an earlier one's.
    was_resumed: bool = False
    #: GPU-seconds that the job's steps so far took.
    spent_s: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of all states."""
        return sum(map(len, self.states.values()))


class Checkpoints:
    """All access to them. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._keep = script(client, "keep")
        self._afford = script(client, "afford")

    def put(self, job_id: str, token: str, kept: Kept) -> bool:
        """Keep this of a job instead of what was kept before; False: too much was written of late, or the job is no longer this
        claim's, and nothing has changed.

        Args:
            token: of the claim that made them.
        """
        if kept.size > MOST_BYTES or not self._may_write(kept.size):
            return False
        about = {"attempt": kept.attempt, "was_resumed": kept.was_resumed, "spent_s": kept.spent_s}
        fields: dict[Any, Any] = {**kept.states, ABOUT: json.dumps(about)}
        with redis_errors():
            has_kept = self._keep(
                keys=[keys.job(job_id), keys.checkpoint(job_id)],
                args=[token, keys.CHECKPOINT_TTL_S, *chain.from_iterable(fields.items())],
            )
        return bool(has_kept)

    def get(self, job_id: str) -> Kept:
        """What is kept of a job; nothing where nothing is."""
        with redis_errors():
            fields = self._redis.hgetall(keys.checkpoint(job_id))
        about = json.loads(fields.pop(ABOUT, b"") or b"false")
        if not isinstance(about, dict):
            about = {"was_resumed": bool(about)}
        states = {int(name): data for name, data in fields.items()}
        return Kept(states, about.get("attempt", 1), about.get("was_resumed", False), about.get("spent_s", 0.0))

    def _may_write(self, size: int) -> bool:
        """Whether what was written so far leaves room for more; if so, this much counts as written."""
        with redis_errors():
            may = self._afford(keys=[keys.CHECKPOINTS], args=[size, MOST_BYTES_PER_S, MOST_BYTES])
        return bool(may)
