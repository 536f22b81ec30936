"""The members of a batch: what they bring, how they stand, which jobs were made for them. Reading only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.batches.plan import job_id_of
from shared.contracts.batch_records import BatchRecord, Member, MemberState
from shared.contracts.jobs import JobRecord, State
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.redis import keys
from shared.redis.client import redis_errors


@dataclass(frozen=True)
class MemberRow:
    """One member as it stands."""

    index: int
    state: MemberState
    member: Member
    #: How often it was resumed.
    round: int


class BatchMembers:
    """Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._redis: Any = store.redis

    def page(
        self, batch_id: str, state: MemberState | None, limit: int, start: int = 0
    ) -> tuple[list[MemberRow], int | None]:
        """Members from index `start` on, in their order, and where the next page starts, or None."""
        states = [state] if state else list(MemberState)
        with redis_errors():
            # In one transaction: a member that changes its state meanwhile must not be missed or listed twice.
            pipe = self._redis.pipeline(transaction=True)
            for one in states:
                key = keys.batch_members_in(batch_id, one.value)
                pipe.zrangebyscore(key, start, "+inf", start=0, num=limit)
            answers = pipe.execute()
        found = sorted((int(index), one) for one, ids in zip(states, answers, strict=True) for index in ids)[:limit]
        rows = self._rows(batch_id, found)
        return rows, rows[-1].index + 1 if len(rows) == limit else None

    def all(self, batch_id: str, state: MemberState | None = None, at_once: int = 1000) -> list[MemberRow]:
        """Every member (in one state), in order."""
        rows, start = self.page(batch_id, state, at_once)
        while start is not None:
            more, start = self.page(batch_id, state, at_once, start)
            rows += more
        return rows

    def refused(self, batch_id: str) -> list[Member]:
        """Those that cannot run at all."""
        with redis_errors():
            indexes = [int(i) for i in self._redis.zrange(keys.batch(batch_id, "refused"), 0, -1)]
        return [row.member for row in self._rows(batch_id, [(index, MemberState.FAILED) for index in indexes])]

    def jobs(self, batch: BatchRecord, rows: Sequence[MemberRow]) -> dict[int, list[JobRecord]]:
        """Per member the newest job of each step that was made, in the steps' order, in one round trip."""
        places = [(row, step) for row in rows for step in range(len(batch.steps)) if row.member.error is None]
        ids = [job_id_of(batch.id, row.index, step, round_) for row, step in places for round_ in range(row.round + 1)]
        found = dict(zip(ids, self._store.get_many(ids), strict=True))
        made: dict[int, list[JobRecord]] = {row.index: [] for row in rows}
        for row, step in places:
            tries = [found[job_id_of(batch.id, row.index, step, r)] for r in range(row.round, -1, -1)]
            newest = next((record for record in tries if record is not None), None)
            if newest is not None:
                made[row.index].append(newest)
        return made

    def done(self, batch: BatchRecord, rows: Sequence[MemberRow]) -> dict[int, list[JobRecord]]:
        """Per resumed member the steps, from the first on, that succeeded in earlier rounds."""
        resumed = [row for row in rows if row.round]
        if not resumed:
            return {}
        return {index: _leading_successes(made) for index, made in self.jobs(batch, resumed).items()}

    def _rows(self, batch_id: str, found: Sequence[tuple[int, MemberState]]) -> list[MemberRow]:
        if not found:
            return []
        indexes = [str(index) for index, _ in found]
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hmget(keys.batch(batch_id, "members"), indexes)
            pipe.hmget(keys.batch(batch_id, "rounds"), indexes)
            brought, rounds = pipe.execute()
        return [
            MemberRow(index, state, Member.model_validate_json(text(data)), int(round_ or 0))
            for (index, state), data, round_ in zip(found, brought, rounds, strict=True)
            if data is not None
        ]


def _leading_successes(made: Sequence[JobRecord]) -> list[JobRecord]:
    """Steps are made in order, so the first that did not succeed is where a chain goes on."""
    stopped = next((place for place, job in enumerate(made) if job.state != State.SUCCEEDED), len(made))
    return list(made[:stopped])
