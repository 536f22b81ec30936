"""Job records in Redis: create, get, move, beat, list, positions.

Every move goes through `move`: read the record, ask a pure rule of `lifecycle` for the new one, write the difference if
nobody moved it meanwhile (compare-and-set on `rev`), else ask again. So each rule stands in one place and is tested
without Redis, and the one script keeps every index in step.

The limit we know of: scripts build key names from a record's fields, so this needs one server, not a Redis Cluster.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import redis

from shared import keys
from shared.contracts.jobs import JobRecord, Progress, QueuePlace, State
from shared.errors import Gone, IdempotencyMismatch, IllegalMove, NotFound, QueueFull, TooManyRequests
from shared.redis_client import redis_errors
from shared.routing import PRIORITIES, split
from shared.settings import Settings

LUA = Path(__file__).with_name("lua")
#: A move that loses this many races in a row meets a bug, not a rival.
MAX_RACES = 50
Rule = Callable[[JobRecord, int], JobRecord]
BeatAnswer = Literal["fine", "cancel", "overdue", "fenced"]


@dataclass(frozen=True)
class HeldJob:
    """What `renew` tells of one job a worker holds."""

    id: str
    token: str
    phase: str
    #: Since the job itself gave a sign of life.
    silent_ms: int


@dataclass(frozen=True)
class Idempotency:
    """A caller's key and the hash of the body it came with."""

    key: str
    body_hash: str


class JobStore:
    """All access to job records. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", settings: Settings) -> None:
        self.redis: Any = client
        self._settings = settings
        self._create = client.register_script((LUA / "create.lua").read_text())
        self._move = client.register_script((LUA / "move.lua").read_text())
        self._beat = client.register_script((LUA / "beat.lua").read_text())
        self._renew = client.register_script((LUA / "renew.lua").read_text())

    # -- making ------------------------------------------------------------------------------------------------------

    def create(
        self, record: JobRecord, *, idempotency: Idempotency | None = None, deadline_s: float | None = None
    ) -> tuple[JobRecord, bool]:
        """Store a new record; returns it as stored, and whether it is new.

        With an idempotency key that is known, the job made then comes back and nothing is stored.

        Raises:
            QueueFull, TooManyRequests: a limit of the settings is reached.
            IdempotencyMismatch: the key came with another body before.
        """
        with redis_errors():
            answer = self._create(**self._creation(record, idempotency, deadline_s))
        match _text(answer[0]):
            case "created":
                return self.get(record.id), True
            case "exists":
                known_id, _, body_hash = _text(answer[1]).partition(" ")
                if idempotency is not None and body_hash != idempotency.body_hash:
                    raise IdempotencyMismatch(
                        f"Idempotency-Key {idempotency.key!r} was used with another body, for job {known_id}",
                        field="Idempotency-Key",
                    )
                return self.get(known_id), False
            case "queue_full":
                raise QueueFull(f"{answer[1]} jobs wait already, the limit is {self._settings.max_queued_jobs}")
        raise TooManyRequests(
            f"you have {answer[1]} jobs in the queue, the limit is {self._settings.max_queued_jobs_per_caller}"
        )

    def create_many(self, records: Sequence[JobRecord], deadline_s: float | None = None) -> list[str]:
        """Store many new records in one round trip; per record "created", or which limit it met."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for record in records:
                self._create(**self._creation(record, None, deadline_s), client=pipe)
            return [_text(answer[0]) for answer in pipe.execute()]

    def _creation(self, record: JobRecord, idempotency: Idempotency | None, deadline_s: float | None) -> dict[str, Any]:
        settings = self._settings
        key, value = "", ""
        if idempotency is not None:
            key = keys.idempotency(record.caller, idempotency.key)
            value = f"{record.id} {idempotency.body_hash}"
        return {
            "keys": [keys.job(record.id), key],
            "args": [
                record.id,
                json.dumps(encode(record)),
                keys.LIVE_TTL_S,
                settings.max_queued_jobs,
                settings.max_queued_jobs_per_caller,
                value,
                settings.idempotency_ttl_s,
                keys.LIVE_TTL_S + settings.record_ttl_s + keys.GONE_TTL_S,
                round((deadline_s or 0) * 1000),
            ],
        }

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> JobRecord:
        """The record as it stands.

        Raises:
            NotFound: there never was such a job. Gone: there was, its time is over.
        """
        record, _ = self._read(job_id)
        return record

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """Records in the order asked for, in one round trip; None where there is none."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            return [decode(fields) if fields else None for fields in pipe.execute()]

    def existed(self, any_id: str) -> bool:
        """Whether an id is known to have existed once."""
        with redis_errors():
            return bool(self.redis.exists(keys.gone(any_id)))

    def which_existed(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that existed once, in one round trip."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for any_id in ids:
                pipe.exists(keys.gone(any_id))
            return {any_id for any_id, found in zip(ids, pipe.execute(), strict=True) if found}

    def version(self, job_id: str) -> int | None:
        """The record's version (its ETag), cheaply; None where there is none."""
        with redis_errors():
            found = self.redis.hget(keys.job(job_id), "version")
        return int(found) if found is not None else None

    def preview(self, job_id: str) -> bytes:
        """The newest preview of a running job, WebP.

        Raises:
            NotFound: there is none.
        """
        with redis_errors():
            found = self.redis.get(keys.preview(job_id))
        if found is None:
            raise NotFound(f"job {job_id} has no preview now")
        return bytes(found)

    def page(self, state: State | None, limit: int, before: int | None) -> tuple[list[JobRecord], int | None]:
        """Newest jobs first, from those that came before `before`; and the cursor of the next page, or None."""
        index = keys.jobs_in(state.value) if state else keys.ALL_JOBS
        ceiling = f"({before}" if before is not None else "+inf"
        with redis_errors():
            found = self.redis.zrevrangebyscore(index, ceiling, "-inf", start=0, num=limit, withscores=True)
        records = [r for r in self.get_many([_text(job_id) for job_id, _ in found]) if r is not None]
        return records, int(found[-1][1]) if len(found) == limit else None

    def ids_in(self, state: State, limit: int = -1) -> list[str]:
        """Ids of jobs in a state, oldest first."""
        with redis_errors():
            return [_text(i) for i in self.redis.zrange(keys.jobs_in(state.value), 0, limit)]

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for state in State:
                pipe.zcard(keys.jobs_in(state.value))
            return dict(zip((s.value for s in State), pipe.execute(), strict=True))

    def queue_depths(self) -> dict[str, int]:
        """Jobs waiting in each queue that ever had one."""
        with redis_errors():
            names = sorted(_text(name) for name in self.redis.zrange(keys.QUEUES, 0, -1))
            pipe = self.redis.pipeline(transaction=False)
            for name in names:
                pipe.zcard(keys.queue(name))
            return dict(zip(names, pipe.execute(), strict=True))

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

    # -- moving ------------------------------------------------------------------------------------------------------

    def move(self, job_id: str, rule: Rule, *, only_if_lease_expired: bool = False) -> JobRecord:
        """Apply a rule of `lifecycle` to a record, atomically; returns the record as it is then.

        The rule may be asked several times when others move the same record meanwhile. Whatever it raises comes out,
        and nothing has changed.

        Raises:
            NotFound, Gone: no such job.
            IllegalMove: `only_if_lease_expired` was asked for and its worker lives.
        """
        for _ in range(MAX_RACES):
            record, now_ms = self._read(job_id)
            moved = rule(record, now_ms)
            if moved == record:
                return record
            guard = "lease_expired" if only_if_lease_expired else ""
            with redis_errors():
                answer = _text(self._move(**self._difference(record, moved, guard))[0])
            if answer == "moved":
                return moved.model_copy(update={"rev": record.rev + 1, "version": record.version + 1})
            if answer == "alive":
                raise IllegalMove(f"job {job_id} is still held by {record.worker}")
        raise RuntimeError(f"job {job_id}: lost {MAX_RACES} races in a row")

    def _difference(self, before: JobRecord, after: JobRecord, guard: str) -> dict[str, Any]:
        old, new = encode(before), encode(after)
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        emptied = [name for name in old if name not in new]
        settings = self._settings
        return {
            "keys": [keys.job(before.id)],
            "args": [
                before.id,
                before.rev,
                guard,
                json.dumps(changed),
                json.dumps(emptied),
                round(settings.lease_s * 1000),
                keys.LIVE_TTL_S,
                settings.record_ttl_s,
                keys.DONE_TTL_S,
            ],
        }

    def beat(
        self, job_id: str, token: str, progress: Progress, degradations: tuple[str, ...] = (), preview: bytes = b""
    ) -> BeatAnswer:
        """A sign of life from the worker that holds the job: writes progress, renews the lease, reads the wish to cancel."""
        with redis_errors():
            answer = self._beat(
                keys=[keys.job(job_id), keys.preview(job_id)],
                args=[
                    job_id,
                    token,
                    progress.model_dump_json(),
                    round(self._settings.lease_s * 1000),
                    preview,
                    keys.PREVIEW_TTL_S,
                    json.dumps(degradations),
                ],
            )
        return _text(answer)  # type: ignore[return-value]

    def renew(self, worker: str) -> list[HeldJob]:
        """Renew the leases of everything a worker holds, and tell how long each job has been silent."""
        with redis_errors():
            flat = self._renew(keys=[keys.slot(worker)], args=[round(self._settings.lease_s * 1000)])
        texts = [_text(value) for value in flat]
        rows = zip(texts[0::4], texts[1::4], texts[2::4], texts[3::4], strict=True)
        return [HeldJob(id=i, token=t, phase=p, silent_ms=int(s)) for i, t, p, s in rows]

    def held_by(self, worker: str) -> list[str]:
        """Ids of the jobs in a worker's slot."""
        with redis_errors():
            return [_text(job_id) for job_id in self.redis.hkeys(keys.slot(worker))]

    def expired_leases(self, limit: int = 100) -> list[str]:
        """Ids of running jobs whose worker has been silent for longer than its lease."""
        with redis_errors():
            now_ms = self.now_ms()
            return [_text(i) for i in self.redis.zrangebyscore(keys.LEASES, "-inf", now_ms, start=0, num=limit)]

    def due(self, limit: int = 100) -> list[str]:
        """Ids of queued jobs that had to wait and may start now; each is told once."""
        with redis_errors():
            found = self.redis.zrangebyscore(keys.DELAYED, "-inf", self.now_ms(), start=0, num=limit)
            return [_text(job_id) for job_id in found if self.redis.zrem(keys.DELAYED, job_id)]

    def past_deadline(self, limit: int = 100) -> list[str]:
        """Ids of live jobs whose own deadline has passed."""
        with redis_errors():
            found = self.redis.zrangebyscore(keys.DEADLINES, "-inf", self.now_ms(), start=0, num=limit)
        return [_text(job_id) for job_id in found]

    def forget(self, job_id: str) -> None:
        """Drop an id whose record has expired from the indexes that list it."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for index in (keys.ALL_JOBS, keys.DEADLINES, keys.DELAYED, keys.LEASES):
                pipe.zrem(index, job_id)
            for state in State:
                pipe.zrem(keys.jobs_in(state.value), job_id)
            pipe.execute()

    def queued_in(self, queue: str, limit: int) -> list[str]:
        """Ids of the jobs queued in one queue, oldest first."""
        with redis_errors():
            return [_text(job_id) for job_id in self.redis.zrange(keys.queue(queue), 0, limit - 1)]

    def peers(self, batch_key: str, limit: int) -> list[str]:
        """Ids of queued jobs that may share a GPU batch, oldest first."""
        with redis_errors():
            return [_text(job_id) for job_id in self.redis.zrange(keys.peers(batch_key), 0, limit - 1)]

    def now_ms(self) -> int:
        """Redis' clock, the only one that counts."""
        with redis_errors():
            seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def _read(self, job_id: str) -> tuple[JobRecord, int]:
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            pipe.hgetall(keys.job(job_id))
            pipe.time()
            fields, (seconds, micros) = pipe.execute()
        if not fields:
            if self.existed(job_id):
                raise Gone(
                    f"job {job_id} has expired; records are kept {self._settings.record_ttl_s} s after their end"
                )
            raise NotFound(f"there is no job {job_id}")
        return decode(fields), int(seconds) * 1000 + int(micros) // 1000


def encode(record: JobRecord) -> dict[str, str]:
    """A record as hash fields: strings raw (so scripts can read them), everything else JSON; what is None is left out."""
    fields = record.model_dump(mode="json", exclude_none=True)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def decode(fields: dict[bytes, bytes]) -> JobRecord:
    """Hash fields as a record; fields that only scripts use are skipped."""
    values: dict[str, Any] = {}
    for raw_name, raw in fields.items():
        name = _text(raw_name)
        if name in JobRecord.model_fields:
            values[name] = _text(raw) if name in _RAW else json.loads(raw)
    return JobRecord.model_validate(values)


def places(store: JobStore, records: Iterable[JobRecord]) -> dict[str, QueuePlace]:
    """Where each queued record stands."""
    queued = [record for record in records if record.state == State.QUEUED]
    positions = store.positions(queued) if queued else []
    return {r.id: QueuePlace(position=position) for r, position in zip(queued, positions, strict=True)}


def _queues_ahead(queue: str) -> list[str]:
    name, priority = split(queue)
    return [f"{name}.{higher.value}" for higher in PRIORITIES[: PRIORITIES.index(priority)]]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _raw_fields() -> frozenset[str]:
    sample = JobRecord(id="", kind="generate", model="", state=State.QUEUED).model_dump(mode="json")
    return frozenset(name for name, value in sample.items() if isinstance(value, str))


_RAW = _raw_fields()
