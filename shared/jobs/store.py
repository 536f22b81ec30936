"""Job records in Redis: create, get, move, beat. Lists and positions: `index`.

Every move goes through `move`: read the record, ask a pure rule of `lifecycle` for the new one, write the difference if
nobody moved it meanwhile (compare-and-set on `rev`), else ask again. So each rule stands in one place and is tested
without Redis, and the one script keeps every index in step. A write has a name of its own, so one that is sent again
because its answer was lost is no rival of itself.

The limit we know of: scripts build key names from a record's fields, so this needs one server, not a Redis Cluster.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import redis

from shared.accounts.limits import NO_LIMITS, Demand, in_lua, refusal
from shared.contracts.access import Limits
from shared.contracts.jobs import JobRecord, Progress
from shared.contracts.kinds import KIND_RULES
from shared.errors import Gone, IdempotencyMismatch, IllegalMove, NotFound, QueueFull, RedisUnavailable, TooManyRequests
from shared.jobs.codec import decode, encode, text
from shared.jobs.estimates import Estimates
from shared.jobs.index import JobIndex
from shared.jobs.pictures_named import newly_named, pictures_named
from shared.models.measurements import Measurements
from shared.pictures.references import owners_lua
from shared.redis import keys
from shared.redis.client import redis_errors, script, until_redis_answers
from shared.settings import Settings

#: What a move means for a batch's members, and for the shares of people; put before the scripts that make and move jobs.
PRELUDES = ("members", "shares")
#: A move that loses this many races in a row meets a bug, not a rival.
MAX_RACES = 50
Rule = Callable[[JobRecord, int], JobRecord]
T = TypeVar("T")
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
    #: Whose the key was before they had a name: their address; "": they always had one.
    formerly_of: str = ""


def former_answer(client: Any, idempotency: Idempotency | None) -> list[Any] | None:
    """What the scripts that create would say of a key that was first used under its caller's address.

    Nothing is written under addresses any more, so looking before the script is as good as looking in it.
    """
    if idempotency is None or not idempotency.formerly_of:
        return None
    known = client.get(keys.idempotency(idempotency.formerly_of, idempotency.key))
    return None if known is None else [b"exists", known]


class JobStore(JobIndex):
    """All access to job records. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", settings: Settings) -> None:
        super().__init__(client)
        self._settings = settings
        owners = owners_lua(settings)
        self._create = script(client, *PRELUDES, "quotas", "create", before=owners)
        self._move = script(client, *PRELUDES, "quotas", "move", before=owners)
        self._beat = script(client, "beat")
        self._renew = script(client, "renew")
        self._estimates = Estimates(Measurements(client))

    # -- making ------------------------------------------------------------------------------------------------------

    def create(
        self,
        record: JobRecord,
        *,
        idempotency: Idempotency | None = None,
        deadline_s: float | None = None,
        limits: Limits = NO_LIMITS,
    ) -> tuple[JobRecord, bool]:
        """Store a new record; returns it as stored, and whether it is new.

        With an idempotency key that is known, the job made then comes back and nothing is stored.

        Args:
            limits: of the person whose job it is; a command to a worker is held against none.

        Raises:
            QueueFull, TooManyRequests: a limit of the settings is reached.
            LimitReached: one of the person's own.
            IdempotencyMismatch: the key came with another body before.
        """
        with redis_errors():
            answer = former_answer(self.redis, idempotency)
            demand = Demand(limits, [record])
            answer = answer or self._create(**self._creation(record, idempotency, deadline_s, demand))
        match text(answer[0]):
            case "created":
                return self.get(record.id), True
            case "exists":
                known_id, _, body_hash = text(answer[1]).partition(" ")
                if known_id == record.id:  # our own: the answer to the first try was lost
                    return self.get(record.id), True
                if idempotency is not None and body_hash != idempotency.body_hash:
                    raise IdempotencyMismatch(
                        f"Idempotency-Key {idempotency.key!r} was used with another body, for job {known_id}",
                        field="Idempotency-Key",
                    )
                return self.get(known_id), False
            case "queue_full":
                raise QueueFull(
                    f"{answer[1]} jobs wait already, the limit is {self._settings.max_queued_jobs}",
                    retry_after_s=self.room_after_s(),
                )
            case "too_many_open" | "quota_exhausted" | "storage_full" as which:
                room_after_s = self.room_after_s(of_caller=int(answer[1])) if which == "too_many_open" else 0
                raise refusal([text(each) for each in answer], room_after_s)
        raise TooManyRequests(
            f"you have {answer[1]} jobs in the queue, the limit is {self._settings.max_queued_jobs_per_caller}",
            retry_after_s=self.room_after_s(of_caller=int(answer[1])),
        )

    def forget_idempotency(self, caller: str, idempotency: Idempotency) -> None:
        """Let the key make a new job; if Redis is away, the key stays."""
        with suppress(RedisUnavailable), redis_errors():
            self.redis.delete(keys.idempotency(caller, idempotency.key))

    def create_many(self, records: Sequence[JobRecord], demands: Mapping[str, Demand] | None = None) -> list[str]:
        """Store many new records in one round trip; per record "created", or the code of what it met.

        Args:
            demands: a record's id → what to hold against its person's limits; who is not in it meets none of them.
        """
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for record in records:
                self._create(**self._creation(record, None, None, (demands or {}).get(record.id)), client=pipe)
            return [text(answer[0]) for answer in pipe.execute()]

    def _creation(
        self, record: JobRecord, idempotency: Idempotency | None, deadline_s: float | None, demand: Demand | None
    ) -> dict[str, Any]:
        settings, record = self._settings, self._estimates.costed(record)
        key, value = "", ""
        if idempotency is not None:
            key = keys.idempotency(record.caller, idempotency.key)
            value = f"{record.id} {idempotency.body_hash}"
        return {
            "keys": [keys.job(record.id), key, *map(keys.picture_of, sorted(pictures_named(record)))],
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
                "" if demand is None else in_lua(demand.limits, [self._estimates.costed(job) for job in demand.jobs]),
                "1" if KIND_RULES[record.kind].is_free else "",
            ],
        }

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> JobRecord:
        """The record as it stands.

        Raises:
            NotFound: there never was such a job. Gone: there was, its time is over.
        """
        with redis_errors():
            fields = self.redis.hgetall(keys.job(job_id))
        return self._decoded(job_id, fields)

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

    def previews(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        """The newest previews of these jobs, in one round trip; those that have none are left out."""
        if not job_ids:
            return {}
        with redis_errors():
            found: Any = self.redis.mget([keys.preview(job_id) for job_id in job_ids])
        return {job_id: bytes(each) for job_id, each in zip(job_ids, found, strict=True) if each is not None}

    # -- moving ------------------------------------------------------------------------------------------------------

    def move(self, job_id: str, rule: Rule, *, only_if_lease_expired: bool = False, waits: bool = False) -> JobRecord:
        """Apply a rule of `lifecycle` to a record, atomically; returns the record as it is then.

        The rule may be asked several times when others move the same record meanwhile. Whatever it raises comes out,
        and nothing has changed.

        Args:
            waits: until Redis answers, see `until_redis_answers`. For what must be known to be written: who asks this method
                again instead has a rule that meets its own move, and takes it for somebody else's.

        Raises:
            NotFound, Gone: no such job.
            IllegalMove: `only_if_lease_expired` was asked for and its worker lives.
        """
        for _ in range(MAX_RACES):
            record, now_ms = _asked(lambda: self._read(job_id), waits)
            moved = rule(record, now_ms)
            if moved == record:
                return record
            written = self.write(record, moved, only_if_lease_expired=only_if_lease_expired, waits=waits)
            if written is not None:
                return written
        raise RuntimeError(f"job {job_id}: lost {MAX_RACES} races in a row")

    def write(
        self, record: JobRecord, moved: JobRecord, *, only_if_lease_expired: bool = False, waits: bool = False
    ) -> JobRecord | None:
        """Make one move, if the record still is what was read; None where somebody else moved it. Raises like `move`."""
        difference = self._difference(record, moved, "lease_expired" if only_if_lease_expired else "")
        answer = _asked(lambda: self._written(difference), waits)
        if answer == "alive":
            raise IllegalMove(f"job {record.id} is still held by {record.worker}")
        if answer != "moved":
            return None
        return moved.model_copy(update={"rev": record.rev + 1, "version": record.version + 1})

    def _written(self, difference: dict[str, Any]) -> str:
        with redis_errors():
            return text(self._move(**difference)[0])

    def _difference(self, before: JobRecord, after: JobRecord, guard: str) -> dict[str, Any]:
        old, new = encode(before), encode(after)
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        emptied = [name for name in old if name not in new]
        settings = self._settings
        return {
            "keys": [keys.job(before.id), *map(keys.picture_of, newly_named(before, after))],
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
                "1" if KIND_RULES[after.kind].leaves_assets else "",
                secrets.token_hex(8),
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
        return text(answer)  # type: ignore[return-value]

    def renew(self, worker: str) -> list[HeldJob]:
        """Renew the leases of everything a worker holds, and tell how long each job has been silent."""
        with redis_errors():
            flat = self._renew(keys=[keys.slot(worker)], args=[round(self._settings.lease_s * 1000)])
        texts = [text(value) for value in flat]
        rows = zip(texts[0::4], texts[1::4], texts[2::4], texts[3::4], strict=True)
        return [HeldJob(id=i, token=t, phase=p, silent_ms=int(s)) for i, t, p, s in rows]

    # -- artifacts of running jobs -----------------------------------------------------------------------------------

    def announce(self, artifact_id: str, job_id: str) -> None:
        """A job is about to store this artifact; should its record never name it, housekeeping deletes it."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            pipe.hset(keys.PENDING, artifact_id, job_id)
            pipe.expire(keys.PENDING, keys.LIVE_TTL_S)
            pipe.execute()

    def settle(self, artifact_ids: Sequence[str], worker: str) -> None:
        """A record names them now; nobody need look after them. They count as this worker's."""
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            pipe.hdel(keys.PENDING, *artifact_ids)
            pipe.incrby(keys.made(worker), len(artifact_ids))
            pipe.expire(keys.made(worker), keys.LIVE_TTL_S)
            pipe.execute()

    def _read(self, job_id: str) -> tuple[JobRecord, int]:
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            pipe.hgetall(keys.job(job_id))
            pipe.time()
            fields, (seconds, micros) = pipe.execute()
        return self._decoded(job_id, fields), int(seconds) * 1000 + int(micros) // 1000

    def _decoded(self, job_id: str, fields: dict[bytes, bytes]) -> JobRecord:
        if fields:
            return decode(fields)
        if self.existed(job_id):
            raise Gone(f"job {job_id} has expired; records are kept {self._settings.record_ttl_s} s after their end")
        raise NotFound(f"there is no job {job_id}")


def _asked(ask: Callable[[], T], waits: bool) -> T:
    return until_redis_answers(ask) if waits else ask()
