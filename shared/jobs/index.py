"""What the indexes of the job records say: lists, counts, positions, what is due. Reading only; `store` writes.

An index may name a job whose record has expired; readers skip it, `forget` drops it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.jobs.codec import decode, text
from shared.jobs.eta import room_after_s
from shared.jobs.routing import queues_ahead
from shared.redis import keys
from shared.redis.client import redis_errors, script
from shared.redis.tombstones import owners_of_expired

#: Rows read to fill what the house's own jobs left free on a page.
REFILLED_AT_ONCE = 200


@dataclass(frozen=True)
class Standing:
    """How many jobs are before a queued one. None: it is not there."""

    #: In the order of arrival: those of its model, the more urgent ones included.
    by_arrival: int | None
    #: Of its owner's that may start now, in its queue.
    own: int | None


#: Kinds that no list shows.
HIDDEN = frozenset(kind for kind, rules in KIND_RULES.items() if rules.is_hidden)


class JobIndex:
    """All lists of jobs. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self.redis: Any = client
        self._places = script(client, "places")

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

    def page(
        self, state: State | None, limit: int, before: int | None, owner: str | None = None
    ) -> tuple[list[JobRecord], int | None]:
        """Newest jobs first, from those that came before `before`; and the cursor of the next page, or None. Jobs that are
        part of something else (`KindRules.is_hidden`, ratings) are passed over.

        Args:
            owner: only this person's; None: everybody's.
        """
        if owner is not None:
            index = keys.owned_jobs(owner, state.value if state else "")
        else:
            index = keys.jobs_in(state.value) if state else keys.ALL_JOBS
        records: list[JobRecord] = []
        at_once = limit
        while True:
            ceiling = f"({before}" if before is not None else "+inf"
            with redis_errors():
                rows = self.redis.zrevrangebyscore(index, ceiling, "-inf", start=0, num=at_once, withscores=True)
            shown = self._shown([(text(job_id), int(order)) for job_id, order in rows])
            for (_, order), record in zip(shown, self.get_many([job_id for job_id, _ in shown]), strict=True):
                before = order
                # The house's own jobs stand in no list: what they leave free is filled from behind them.
                if record is not None and not record.rates:
                    records.append(record)
                if len(records) == limit:
                    return records, before
            if len(rows) < at_once:
                return records, None
            before = int(rows[-1][1])
            at_once = max(limit, REFILLED_AT_ONCE)

    def in_order(self, state: State, limit: int, after: int | None) -> tuple[list[JobRecord], int | None]:
        """Oldest jobs in a state first, from those that came after `after`; and the cursor of the next page, or None."""
        floor = f"({after}" if after is not None else "-inf"
        with redis_errors():
            rows = self.redis.zrangebyscore(keys.jobs_in(state.value), floor, "+inf", 0, limit, withscores=True)
        shown = self._shown([(text(job_id), int(order)) for job_id, order in rows])
        found = self.get_many([job_id for job_id, _ in shown])
        records = [record for record in found if record is not None and not record.rates]
        return records, int(rows[-1][1]) if len(rows) == limit else None

    def _shown(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those whose kind is shown in lists; one whose record is gone is left for the reader to skip."""
        kinds = self.fields_of([job_id for job_id, _ in rows], "kind")
        return [row for row, (kind,) in zip(rows, kinds, strict=True) if kind is None or text(kind) not in HIDDEN]

    def ids_between(self, state: State, first: int, last: int) -> list[str]:
        """Ids of jobs in a state from the `first` to the `last` place (−1: to the end), oldest first."""
        with redis_errors():
            return [text(i) for i in self.redis.zrange(keys.jobs_in(state.value), first, last)]

    def live_ids(
        self, states: Sequence[State], owner: str | None, after: int, limit: int
    ) -> tuple[list[str], int | None]:
        """Ids of jobs in these states (of one person) but the house's own, oldest first, from those that came after `after`; and
        where to go on, or None. A part may have fewer than `limit`, or none, although there are more."""
        indexes = [keys.caller(owner)] if owner is not None else [keys.jobs_in(state.value) for state in states]
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for index in indexes:
                pipe.zrangebyscore(index, f"({after}", "+inf", start=0, num=limit, withscores=True)
            rows = sorted((int(order), text(i)) for found in pipe.execute() for i, order in found)[:limit]
        ids = [job_id for _, job_id in rows]
        wanted = {state.value for state in states}
        told = zip(ids, self.fields_of(ids, "state", "rates", "kind"), strict=True)
        # The house's own jobs are nobody's to choose.
        found = [
            job_id
            for job_id, (state, rates, kind) in told
            if state is not None and text(state) in wanted and not rates and text(kind or b"") not in HIDDEN
        ]
        return found, rows[-1][0] if len(rows) == limit else None

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

    def standings(self, records: Sequence[JobRecord]) -> tuple[int, dict[str, Standing]]:
        """Redis' clock (ms), and by id where each queued job stands. Two round trips, however many there are."""
        groups: dict[tuple[str, str], list[str]] = {}
        for record in records:
            groups.setdefault((record.queue, record.caller), []).append(record.id)
        flat = [part for (queue, person), ids in groups.items() for part in (queue, person, len(ids), *ids)]
        urgent = sorted({ahead for queue, _ in groups for ahead in queues_ahead(queue)})
        depth = dict(zip(urgent, self.queue_depths_of(urgent), strict=True))
        with redis_errors():
            now_ms, *ranks = self._places(args=flat)
        rows = iter(zip(ranks[0::2], ranks[1::2], strict=True))
        found = {}
        for (queue, _), ids in groups.items():
            before = sum(depth[name] for name in queues_ahead(queue))
            for job_id in ids:
                arrival, own = next(rows)
                found[job_id] = Standing(None if arrival < 0 else before + arrival, None if own < 0 else own)
        return int(now_ms), found

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
            owner = owners_of_expired(self.redis, [job_id]).get(job_id)
            pipe = self.redis.pipeline(transaction=False)
            for owned in ("", *(state.value for state in State)) if owner else ():
                pipe.zrem(keys.owned_jobs(owner or "", owned), job_id)
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
