"""What the indexes of the job records say: lists, counts, positions, what is due. Reading only; `store` writes.

An index may name a job whose record has expired; readers skip it, `forget` drops it.
"""

from collections.abc import Sequence
from typing import Any

import redis

from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.jobs.codec import decode, text
from shared.jobs.eta import room_after_s
from shared.jobs.routing import PRIORITIES, split
from shared.redis import keys
from shared.redis.client import redis_errors

#: Kinds that no list shows.
HIDDEN = frozenset(kind for kind, rules in KIND_RULES.items() if rules.is_hidden)
#: Entries looked through at a time: whole libraries of hidden jobs may lie between two that are shown.
PASSED_AT_ONCE = 200


class JobIndex:
    """All lists of jobs. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self.redis: Any = client

    def now_ms(self) -> int:
        """Redis' clock, the only one that counts."""
        with redis_errors():
            seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """Records in the order asked for, in one round trip; None where there is none."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            return [decode(fields) if fields else None for fields in pipe.execute()]

    def page(self, state: State | None, limit: int, before: int | None) -> tuple[list[JobRecord], int | None]:
        """Newest jobs first, from those that came before `before`; and the cursor of the next page, or None. Jobs that are
        part of something else (`KindRules.is_hidden`) are passed over."""
        index = keys.jobs_in(state.value) if state else keys.ALL_JOBS
        wanted: list[tuple[str, int]] = []
        cursor, is_over = before, False
        while len(wanted) < limit and not is_over:
            ceiling = f"({cursor}" if cursor is not None else "+inf"
            with redis_errors():
                rows = self.redis.zrevrangebyscore(
                    index, ceiling, "-inf", start=0, num=max(limit, PASSED_AT_ONCE), withscores=True
                )
            is_over = len(rows) < max(limit, PASSED_AT_ONCE)
            cursor = int(rows[-1][1]) if rows else cursor
            wanted += self._shown([(text(job_id), int(order)) for job_id, order in rows])
        page = wanted[:limit]
        records = [r for r in self.get_many([job_id for job_id, _ in page]) if r is not None]
        has_more = len(wanted) > limit or not is_over
        return records, page[-1][1] if page and has_more else None

    def _shown(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those whose kind is shown in lists; one whose record is gone is left for the reader to skip."""
        kinds = self.fields_of([job_id for job_id, _ in rows], "kind")
        return [row for row, (kind,) in zip(rows, kinds, strict=True) if kind is None or text(kind) not in HIDDEN]

    def ids_between(self, state: State, first: int, last: int) -> list[str]:
        """Ids of jobs in a state from the `first` to the `last` place (−1: to the end), oldest first."""
        with redis_errors():
            return [text(i) for i in self.redis.zrange(keys.jobs_in(state.value), first, last)]

    def fields_of(self, job_ids: Sequence[str], *names: str) -> list[list[bytes | None]]:
        """A few fields of each record as they are stored, in one round trip; None for what is not there."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hmget(keys.job(job_id), names)
            return list(pipe.execute())

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for state in State:
                pipe.zcard(keys.jobs_in(state.value))
            return dict(zip((s.value for s in State), pipe.execute(), strict=True))

    def room_after_s(self, of_caller: int | None = None) -> int:
        """Seconds until one of the live jobs (or of a caller's, that has so many) will have ended, by the pace so far."""
        with redis_errors():
            now_ms = self.now_ms()
            since_ms = now_ms - keys.DONE_TTL_S * 1000
            pipe = self.redis.pipeline(transaction=False)
            pipe.zcount(keys.DONE, since_ms, "+inf")
            pipe.zrangebyscore(keys.DONE, since_ms, "+inf", start=0, num=1, withscores=True)
            for state in (State.WAITING, State.QUEUED, State.RUNNING):
                pipe.zcard(keys.jobs_in(state.value))
            ended, oldest, *live = pipe.execute()
        window_s = (now_ms - oldest[0][1]) / 1000 if oldest else 0.0
        return room_after_s(ended, window_s, 1.0 if of_caller is None else of_caller / max(1, sum(live)))

    def queue_depths(self) -> dict[str, int]:
        """Jobs waiting in each queue that ever had one."""
        with redis_errors():
            names = sorted(text(name) for name in self.redis.zrange(keys.QUEUES, 0, -1))
        return dict(zip(names, self.queue_depths_of(names), strict=True))

    def queue_depths_of(self, queues: Sequence[str]) -> list[int]:
        """Jobs waiting in each of these queues, in order."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for name in queues:
                pipe.zcard(keys.queue(name))
            return [int(depth) for depth in pipe.execute()]

    def oldest_orders(self, queues: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Per queue that has jobs: how many, and the arrival (ms) of the oldest."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for name in queues:
                pipe.zcard(keys.queue(name))
                pipe.zrange(keys.queue(name), 0, 0, withscores=True)
            answers = pipe.execute()
        pairs = zip(queues, answers[0::2], answers[1::2], strict=True)
        return {name: (depth, int(oldest[0][1]) // 1000) for name, depth, oldest in pairs if oldest}

    def positions(self, records: Sequence[JobRecord]) -> list[int | None]:
        """How many jobs of its model will be taken before each; None where it is not queued. One round trip."""
        queues = sorted({ahead for record in records for ahead in _queues_ahead(record.queue)})
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for name in queues:
                pipe.zcard(keys.queue(name))
            for record in records:
                pipe.zrank(keys.queue(record.queue), record.id)
            answers = pipe.execute()
        depth = dict(zip(queues, answers, strict=False))
        ranks = zip(records, answers[len(queues) :], strict=True)
        return [None if k is None else k + sum(depth[q] for q in _queues_ahead(r.queue)) for r, k in ranks]

    def held_by(self, worker: str) -> dict[str, str]:
        """The jobs in a worker's slot: id → token of the claim."""
        with redis_errors():
            return {text(i): text(token) for i, token in self.redis.hgetall(keys.slot(worker)).items()}

    def expired_leases(self, limit: int = 100) -> list[str]:
        """Ids of running jobs whose worker has been silent for longer than its lease."""
        with redis_errors():
            now_ms = self.now_ms()
            return [text(i) for i in self.redis.zrangebyscore(keys.LEASES, "-inf", now_ms, start=0, num=limit)]

    def past_deadline(self, limit: int = 100) -> list[str]:
        """Ids of live jobs whose own deadline has passed."""
        with redis_errors():
            found = self.redis.zrangebyscore(keys.DEADLINES, "-inf", self.now_ms(), start=0, num=limit)
        return [text(job_id) for job_id in found]

    def forget(self, job_id: str) -> None:
        """Drop an id whose record has expired from the indexes that list it."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for index in (keys.ALL_JOBS, keys.DEADLINES, keys.DELAYED, keys.LEASES):
                pipe.zrem(index, job_id)
            for state in State:
                pipe.zrem(keys.jobs_in(state.value), job_id)
            pipe.execute()

    def leases_ahead(self, lease_ms: int, limit: int = 100) -> list[tuple[str, int]]:
        """Leases that end later than any renewal could have set, because Redis' clock went back: id, end in ms."""
        with redis_errors():
            floor = self.now_ms() + 2 * lease_ms
            rows = self.redis.zrangebyscore(keys.LEASES, floor, "+inf", start=0, num=limit, withscores=True)
        return [(text(job_id), int(until_ms)) for job_id, until_ms in rows]

    def queued_in(self, queue: str, limit: int | None) -> list[str]:
        """Ids of the jobs queued in one queue, oldest first; None: all."""
        with redis_errors():
            return [text(job_id) for job_id in self.redis.zrange(keys.queue(queue), 0, (limit or 0) - 1)]


def _queues_ahead(queue: str) -> list[str]:
    name, priority = split(queue)
    return [f"{name}.{higher.value}" for higher in PRIORITIES[: PRIORITIES.index(priority)]]
