"""What people use, held against their limits: requests a second, pictures stored; and how much of everything is left.

Unfinished jobs and GPU time are held against them inside the scripts that make and end jobs (`lua/quotas.lua`), so that a
refused job never becomes a record. Here is what belongs to no job: one call for a request that has a limit, none where
there is none.

A picture counts in full for everybody who uploaded it or whose job made it, once each, from when it is stored until its
asset is deleted for good, or housekeeping finds it gone from the store: within an hour or so after it expired there. What
is kept counts for as long: each look of housekeeping starts the time of the counts afresh.
"""

from collections.abc import Sequence
from typing import Any

import redis

from shared.accounts.limits import MIB, burst_s, day_of, midnight_after_ms, rate_limited, storage_full
from shared.contracts.access import Limits
from shared.contracts.jobs import State, iso
from shared.contracts.usage import Allowance, Usage
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: States of a job that has not ended.
UNFINISHED = (State.WAITING, State.QUEUED, State.RUNNING)
#: Pictures looked at in one call.
AT_ONCE = 500


class Quotas:
    """Every method raises `RedisUnavailable` when Redis takes no requests: nobody is let in unseen."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._rate = script(client, "rate")
        self._out = script(client, "pictures_out")
        self._in = script(client, "quotas", "picture_in")

    # -- requests ----------------------------------------------------------------------------------------------------

    def admit(self, person: str, limits: Limits) -> None:
        """Count one request.

        Raises:
            RateLimited: the person's burst is used up.
        """
        per_s = limits.requests_per_s
        if per_s is None:
            return
        with redis_errors():
            wait_us, ahead_us = self._rate(
                keys=[keys.rate(person, "requests")], args=[round(1e6 / per_s), round(1e6 * burst_s(per_s))]
            )
        if wait_us:
            raise rate_limited(per_s, wait_us / 1e6, ahead_us / 1e6, self._now_ms())

    # -- pictures ----------------------------------------------------------------------------------------------------

    def take_in(self, person: str, limits: Limits, picture: str, size_bytes: int) -> bool:
        """A picture that is about to be stored counts from now on; False: it did already.

        Raises:
            StorageFull: there is no room for it; it does not count.
        """
        most = None if limits.stored_mib is None else limits.stored_mib * MIB
        with redis_errors():
            said, number = self._in(
                keys=[keys.pictures(person), keys.STORED],
                args=[person, picture, size_bytes, "" if most is None else most, keys.LIVE_TTL_S],
            )
        if said == b"full":
            raise storage_full(int(number), most or 0, size_bytes)
        return bool(number)

    def let_go(self, person: str, pictures: Sequence[str]) -> int:
        """These are not stored any more; returns the bytes that this gives back."""
        if not pictures:
            return 0
        with redis_errors():
            return int(self._out(keys=[keys.pictures(person), keys.STORED], args=[person, *pictures]))

    def storing(self) -> list[str]:
        """Everybody for whom a picture counts."""
        with redis_errors():
            return sorted(person.decode() for person in self._redis.hkeys(keys.STORED))

    def counted(self, person: str, cursor: int = 0) -> tuple[list[str], int]:
        """Some of the pictures that count for a person, and where to go on; 0: that was the end."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hscan(keys.pictures(person), cursor, count=AT_ONCE)
            # Pictures that stay outlive the last one that came.
            pipe.expire(keys.pictures(person), keys.LIVE_TTL_S)
            pipe.expire(keys.STORED, keys.LIVE_TTL_S)
            (following, found), *_ = pipe.execute()
        return [picture.decode() for picture in found], int(following)

    # -- what is left ------------------------------------------------------------------------------------------------

    def what_is_left(self, person: str, limits: Limits) -> Usage:
        """Every limit of a person, what is used of it, and when that begins anew.

        Args:
            limits: with the defaults of the role filled in.
        """
        now_ms = self._now_ms()
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(keys.rate(person, "requests"))
            for state in UNFINISHED:
                pipe.zcard(keys.owned_jobs(person, state.value))
            pipe.hmget(keys.used(person, day_of(now_ms)), "reserved_ms", "settled_ms")
            pipe.hget(keys.STORED, person)
            tat_us, *unfinished, gpu_ms, stored = pipe.execute()
        return Usage(
            requests_per_s=_rate_used(limits.requests_per_s, int(tat_us or 0) / 1e6 - now_ms / 1000),
            unfinished_jobs=_allowance(limits.unfinished_jobs, sum(unfinished)),
            gpu_s_per_day=_allowance(
                limits.gpu_s_per_day, sum(int(ms or 0) for ms in gpu_ms) / 1000, iso(midnight_after_ms(now_ms))
            ),
            stored_mib=_allowance(limits.stored_mib, int(stored or 0) / MIB),
            batch_members=_allowance(limits.batch_members, 0),
        )

    def _now_ms(self) -> int:
        with redis_errors():
            seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _rate_used(per_s: float | None, ahead_s: float) -> Allowance:
    if per_s is None:
        return Allowance()
    return _allowance(per_s, min(1.0, max(0.0, ahead_s) / burst_s(per_s)) * per_s)


def _allowance(limit: float | None, used: float, resets_at: str | None = None) -> Allowance:
    left = None if limit is None else max(0.0, round(limit - used, 3))
    return Allowance(limit=limit, used=round(used, 3), left=left, resets_at=resets_at)
