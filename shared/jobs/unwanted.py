"""Which of the jobs that a worker holds nobody wants any more, asked in one round trip and without a word of theirs.

A beat says the same of its job, but renews its lease and is told to everybody; this may be asked often. It decides
nothing: whoever is named is asked again, by a beat (`JobStore.beat`), before its end is written.
"""

from collections.abc import Mapping
from typing import Any

from shared.contracts.jobs import State
from shared.redis import keys
from shared.redis.client import redis_errors

_FIELDS = ("state", "token", "cancel_requested", "deadline_at_ms")


def unwanted(client: Any, held: Mapping[str, str]) -> frozenset[str]:
    """Those that are to be cancelled, are overdue, or are somebody else's by now. Raises `RedisUnavailable`.

    Args:
        held: job → the token that it is held with.
    """
    if not held:
        return frozenset()
    with redis_errors():
        pipe = client.pipeline(transaction=False)
        pipe.time()
        for job_id in held:
            pipe.hmget(keys.job(job_id), _FIELDS)
        (seconds, micros), *rows = pipe.execute()
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    return frozenset(
        job_id for (job_id, token), row in zip(held.items(), rows, strict=True) if _is_unwanted(token, row, now_ms)
    )


def _is_unwanted(token: str, row: list[bytes | None], now_ms: int) -> bool:
    state, pen, is_cancelled, deadline = ((value or b"").decode() for value in row)
    is_ours = state == State.RUNNING and pen == token
    return not is_ours or is_cancelled == "true" or 0 < float(deadline or 0) <= now_ms
