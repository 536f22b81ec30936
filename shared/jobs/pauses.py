"""A person pauses everything of theirs, and lets it go on: nothing of theirs starts meanwhile, and what they send waits too.

The flag of a person is the truth. It is set first; then their live jobs follow it, a part at a time, by a script that looks
at the flag itself. So a pause and its end that cross each other end as the flag says, and asking twice does what a process
that died in between left.

A job that is held by itself stays held when everything else goes on.
"""

import secrets

from shared.jobs.codec import text
from shared.jobs.store import PRELUDES, JobStore
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: Jobs that follow in one call; 500 take about 10 ms.
AT_ONCE = 500


class Pauses:
    """Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._follow = script(store.redis, *PRELUDES, "pause_follow")

    def is_paused(self, person: str) -> bool:
        """Whether nothing of this person's starts."""
        with redis_errors():
            return bool(self._store.redis.sismember(keys.PAUSED_PEOPLE, person))

    def pause(self, person: str) -> None:
        """Nothing of theirs starts from now on; what runs, runs on."""
        with redis_errors():
            self._store.redis.sadd(keys.PAUSED_PEOPLE, person)
        self._follow_flag(person)

    def go_on(self, person: str) -> list[tuple[str, str]]:
        """Everything may start again; returns ids and queues of jobs that need a fresh ticket."""
        with redis_errors():
            self._store.redis.srem(keys.PAUSED_PEOPLE, person)
        return self._follow_flag(person)

    def _follow_flag(self, person: str) -> list[tuple[str, str]]:
        with redis_errors():
            live = [text(job_id) for job_id in self._store.redis.zrange(keys.caller(person), 0, -1)]
            free: list[str] = []
            for start in range(0, len(live), AT_ONCE):
                args = [person, keys.LIVE_TTL_S, secrets.token_hex(8), *live[start : start + AT_ONCE]]
                free += map(text, self._follow(keys=[keys.PAUSED_PEOPLE], args=args))
        return list(zip(free[0::2], free[1::2], strict=True))
