"""Batches in Redis: accept, read, cancel, resume, forget. Their members' states are counted by `lua/members.lua`.

A batch is its record and its members; jobs are made of it later, a few at a time (`workers.batches.feeder`). Members are written
first and with a short life, then one script accepts them: a crash in between leaves nothing behind.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import redis

from shared.batches.codec import ANSWERS, PARTS, ask_numbers, decode_batch, encode_batch, numbers_in
from shared.contracts.base import Priority
from shared.contracts.batch_records import BatchRecord, BatchState, Member, Numbers
from shared.contracts.jobs import State
from shared.errors import Gone, IdempotencyMismatch, IllegalMove, NotFound, TooManyRequests
from shared.jobs.codec import text
from shared.jobs.store import Idempotency, former_answer
from shared.pictures.references import owners_lua
from shared.redis import keys
from shared.redis.client import redis_errors, script
from shared.redis.tombstones import owners_of_expired
from shared.settings import Settings

#: How long members live without an accepted batch.
UNACCEPTED_TTL_S = 3600
#: Members written in one command, so that Redis serves others in between.
AT_ONCE = 1000


class BatchStore:
    """All access to batches. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", settings: Settings) -> None:
        self.redis: Any = client
        self._settings = settings
        owners = owners_lua(settings)
        self._create, self._cancel, self._resume = (
            script(client, "members", f"batch_{what}", before=owners) for what in ("create", "cancel", "resume")
        )

    # -- making ------------------------------------------------------------------------------------------------------

    def create(
        self, record: BatchRecord, members: Sequence[Member], *, idempotency: Idempotency | None = None
    ) -> tuple[BatchRecord, bool]:
        """Accept a batch; returns it as stored, and whether it is new.

        Raises:
            TooManyRequests: the caller has too many under way.
            IdempotencyMismatch: the key came with another body before.
        """
        key, value = "", ""
        if idempotency is not None:
            key = keys.idempotency(record.caller, idempotency.key)
            value = f"{record.id} {idempotency.body_hash}"
        with redis_errors():
            self._write_members(record.id, members)
            answer = former_answer(self.redis, idempotency) or self._create(
                keys=[keys.batch(record.id), key],
                args=[
                    record.id,
                    json.dumps(encode_batch(record)),
                    keys.LIVE_TTL_S,
                    self._settings.record_ttl_s,
                    self._settings.max_batches_per_caller,
                    value,
                    self._settings.idempotency_ttl_s,
                    keys.LIVE_TTL_S + self._settings.record_ttl_s + keys.GONE_TTL_S,
                ],
            )
        # Its own key: the answer to the first try was lost.
        is_ours = text(answer[0]) == "exists" and text(answer[1]).partition(" ")[0] == record.id
        if text(answer[0]) == "created" or is_ours:
            return self.get(record.id), True
        self._drop(record.id)
        if text(answer[0]) == "caller_full":
            raise TooManyRequests(
                f"you have {answer[1]} batches under way, the limit is {self._settings.max_batches_per_caller}",
                retry_after_s=10,
            )
        return self._known(text(answer[1]), idempotency), False

    def _known(self, value: str, idempotency: Idempotency | None) -> BatchRecord:
        known_id, _, body_hash = value.partition(" ")
        if idempotency is None or body_hash != idempotency.body_hash:
            name = idempotency.key if idempotency else ""
            raise IdempotencyMismatch(
                f"Idempotency-Key {name!r} was used with another body, for {known_id}", field="Idempotency-Key"
            )
        return self.get(known_id)

    def _write_members(self, batch_id: str, members: Sequence[Member]) -> None:
        pipe = self.redis.pipeline(transaction=False)
        for start in range(0, len(members), AT_ONCE):
            rows = {start + i: member for i, member in enumerate(members[start : start + AT_ONCE])}
            brought = {index: member.model_dump_json(exclude_defaults=True) for index, member in rows.items()}
            pipe.hset(keys.batch(batch_id, "members"), mapping=brought)
            _add(pipe, keys.batch_members_in(batch_id, "waiting"), [i for i, m in rows.items() if m.error is None])
            broken = [index for index, member in rows.items() if member.error is not None]
            _add(pipe, keys.batch_members_in(batch_id, "failed"), broken)
            _add(pipe, keys.batch(batch_id, "refused"), broken)
        for code, (count, message) in refusals(members).items():
            pipe.hset(keys.batch(batch_id, "reasons"), code, count)
            pipe.hset(keys.batch(batch_id, "messages"), code, message)
        for part in PARTS:
            pipe.expire(keys.batch(batch_id, part), UNACCEPTED_TTL_S)
        pipe.execute()

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, batch_id: str) -> BatchRecord:
        """The record as it stands.

        Raises:
            NotFound: there never was such a batch. Gone: there was, its time is over or it was deleted.
        """
        with redis_errors():
            fields = self.redis.hgetall(keys.batch(batch_id))
            if not fields and self.redis.exists(keys.gone(batch_id)):
                raise Gone(f"batch {batch_id} has expired or was deleted")
        if not fields:
            raise NotFound(f"there is no batch {batch_id}")
        return decode_batch(fields)

    def read(self, batch_id: str) -> tuple[BatchRecord, Numbers]:
        """The record and its numbers. Raises like `get`."""
        found = self.read_many([batch_id])[0]
        if found is None:
            self.get(batch_id)
            raise NotFound(f"there is no batch {batch_id}")
        return found

    def read_many(self, batch_ids: Sequence[str]) -> list[tuple[BatchRecord, Numbers] | None]:
        """Records and numbers in one round trip; None where there is none."""
        with redis_errors():
            # One transaction a batch, so that its counts add up in every answer.
            pipe = self.redis.pipeline(transaction=True)
            for batch_id in batch_ids:
                ask_numbers(pipe, batch_id)
            pipe.time()
            *answers, (seconds, micros) = pipe.execute()
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        rows = [answers[start : start + ANSWERS] for start in range(0, len(answers), ANSWERS)]
        return [numbers_in(row, now_ms) if row[0] else None for row in rows]

    def version(self, batch_id: str) -> int | None:
        """The batch's version, cheaply; None where there is none."""
        with redis_errors():
            found = self.redis.hget(keys.batch(batch_id), "version")
        return int(found) if found is not None else None

    def page(self, limit: int, before: int | None, owner: str | None = None) -> tuple[list[str], int | None]:
        """Ids of the newest batches (of one person), and the cursor of the next page, or None."""
        ceiling = f"({before}" if before is not None else "+inf"
        index = keys.BATCHES if owner is None else keys.owned_batches(owner)
        with redis_errors():
            found = self.redis.zrevrangebyscore(index, ceiling, "-inf", start=0, num=limit, withscores=True)
        return [text(batch_id) for batch_id, _ in found], int(found[-1][1]) if len(found) == limit else None

    # -- moving ------------------------------------------------------------------------------------------------------

    def stop(self, batch_id: str) -> BatchRecord:
        """No more jobs are made of it, and members that wait are cancelled. Raises like `get`."""
        with redis_errors():
            self._cancel(keys=[keys.batch(batch_id)], args=[batch_id, keys.LIVE_TTL_S, self._settings.record_ttl_s])
        return self.get(batch_id)

    def follow(self, batch_id: str, *, priority: Priority | None, held: bool | None) -> None:
        """Members that become jobs from now on have this priority; a held batch makes none. None: as it was."""
        wanted = {"priority": priority and priority.value, "held": None if held is None else json.dumps(held)}
        given = {name: value for name, value in wanted.items() if value is not None}
        if given:
            self.note(batch_id, **given)
            with redis_errors():
                self.redis.publish(keys.FEED, batch_id)

    def live_jobs(self, batch_id: str) -> list[str]:
        """Ids of its jobs that have not ended."""
        return self.jobs_in(batch_id, (State.WAITING, State.QUEUED, State.RUNNING))

    def jobs_in(self, batch_id: str, states: Sequence[State]) -> list[str]:
        """Ids of its jobs in these states."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for state in states:
                pipe.zrange(keys.batch_jobs(batch_id, state.value), 0, -1)
            return [text(job_id) for ids in pipe.execute() for job_id in ids]

    def resume(self, batch_id: str, refused: dict[str, tuple[int, str]]) -> int:
        """Failed and cancelled members wait again, but for those that cannot run at all; returns how many.

        Args:
            refused: of the latter: code → how many, and a message.

        Raises:
            IllegalMove: it is still being cancelled. NotFound, Gone: no such batch.
        """
        with redis_errors():
            state, count = self._resume(
                keys=[keys.batch(batch_id)], args=[batch_id, keys.LIVE_TTL_S, json.dumps(refused)]
            )
        if not state:
            self.get(batch_id)
        if text(state) == BatchState.CANCELLING:
            raise IllegalMove(f"batch {batch_id} is being cancelled; resume it when that is done")
        return int(count)

    def forget(self, batch_id: str) -> None:
        """Drop a batch; its id answers 410 from now on. Its jobs and pictures live out their own time."""
        record = self.get(batch_id)
        with redis_errors():
            owned = keys.owned_batches(record.caller)
            for index in (keys.BATCHES, keys.LIVE_BATCHES, keys.batches_of(record.caller), owned):
                self.redis.zrem(index, batch_id)
            self.redis.set(keys.gone(batch_id), f"of {record.caller}", ex=self._settings.record_ttl_s + keys.GONE_TTL_S)
        self._drop(batch_id)

    def forget_expired(self, at_once: int = 500) -> int:
        """Drop ids whose records have expired from the list; returns how many."""
        with redis_errors():
            oldest = [text(i) for i in self.redis.zrange(keys.BATCHES, 0, at_once - 1)]
            pipe = self.redis.pipeline(transaction=False)
            for batch_id in oldest:
                pipe.exists(keys.batch(batch_id))
            expired = [i for i, is_there in zip(oldest, pipe.execute(), strict=True) if not is_there]
            for batch_id, owner in owners_of_expired(self.redis, expired).items():
                self.redis.zrem(keys.owned_batches(owner), batch_id)
            if expired:
                self.redis.zrem(keys.BATCHES, *expired)
        return len(expired)

    def note(self, batch_id: str, **fields: Any) -> None:
        """Write facts that no script counts: about its webhook, what its members wait for."""
        with redis_errors():
            if self.redis.exists(keys.batch(batch_id)):
                self.redis.hset(keys.batch(batch_id), mapping=fields)
                self.redis.hincrby(keys.batch(batch_id), "version", 1)

    def _drop(self, batch_id: str) -> None:
        with redis_errors():
            self.redis.delete(keys.batch(batch_id), *(keys.batch(batch_id, part) for part in PARTS))


def refusals(members: Sequence[Member]) -> dict[str, tuple[int, str]]:
    """Members that cannot run at all: code → how many, and a message."""
    errors = [member.error for member in members if member.error is not None]
    counts = Counter(error.code for error in errors)
    return {error.code: (counts[error.code], error.message) for error in errors}


def _add(pipe: Any, key: str, indexes: list[int]) -> None:
    if indexes:
        pipe.zadd(key, {str(index): index for index in indexes})
