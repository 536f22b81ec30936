"""Whose turn it is, asked of Redis: the fairest job of a queue, peers for a GPU batch, jobs whose pause is over.

A ticket is a permit: it says that a queue has a ready job, and the claim takes the one whose turn it is. The policy stands
in `fair_share`, pure; `lua/shares.lua` does the same where the records are, and moves keep its sets in step. A property
test holds the two together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from shared.contracts.jobs import JobRecord
from shared.jobs.codec import decode, text
from shared.jobs.fair_share import PATIENCE, Standing, expected_ahead
from shared.jobs.routing import queues_ahead
from shared.jobs.store import MAX_RACES, PRELUDES, JobStore, Rule
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: Jobs looked at in one call of `heal`; 500 take 3 ms.
HEALED_AT_ONCE = 500


@dataclass(frozen=True)
class Line:
    """One queue that has ready jobs."""

    ready: int
    #: Since when (ms of the store's clock) one of its people was not served by it.
    since_ms: int
    #: The least of its people, see `fair_share.Tags`; −inf: a job goes before everybody's.
    tag: float


class Shares:
    """The choice between ready jobs. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, store: JobStore, max_wait_s: float) -> None:
        """
        Args:
            max_wait_s: how long a job may wait for a worker that prefers another model; how long a person may be passed
                over follows from it.
        """
        self._store = store
        self._patience_ms = round(PATIENCE * max_wait_s * 1000)
        self._pick, self._peers, self._due, self._heal, self._ready, self._sharers, self._look = (
            script(store.redis, *PRELUDES, name)
            for name in ("pick", "peers", "due", "heal", "ready", "sharers", "look")
        )
        self._told = script(store.redis, "due_told")

    def claim_next(self, queue: str, rule: Rule) -> JobRecord | None:
        """Move the job of a queue whose turn it is; None where none is ready. Returns the record as it is then.

        Whatever the rule raises comes out, and nothing has changed.
        """
        for _ in range(MAX_RACES):
            with redis_errors():
                picked = self._pick(args=[queue, self._patience_ms, keys.LIVE_TTL_S])
            if not picked:
                return None
            _, now_ms, flat = picked
            record = decode(dict(zip(flat[0::2], flat[1::2], strict=True)))
            written = self._store.write(record, rule(record, int(now_ms)))
            if written is not None:
                return written
        raise RuntimeError(f"queue {queue}: lost {MAX_RACES} races in a row")

    def peers(self, batch_key: str, limit: int) -> list[str]:
        """Ids of ready jobs that may share a GPU batch, in the order in which they would be taken by themselves."""
        with redis_errors():
            return [text(job_id) for job_id in self._peers(args=[batch_key, limit])]

    def due(self, limit: int = 100) -> dict[str, str]:
        """Queued jobs that had to wait and may start now: id → until when they paused. Each is told until `due_told`."""
        with redis_errors():
            flat = [text(value) for value in self._due(args=[limit, keys.LIVE_TTL_S])]
        return dict(zip(flat[0::2], flat[1::2], strict=True))

    def due_told(self, due: Mapping[str, str]) -> None:
        """What `due` told has arrived."""
        with redis_errors():
            self._told(args=[*chain.from_iterable(due.items())])

    def has_ready(self, queue: str) -> bool:
        """Whether any job of a queue could start now."""
        with redis_errors():
            return bool(self._store.redis.exists(keys.sharers(queue)))

    def ready_in(self, queues: Sequence[str]) -> list[int]:
        """How many jobs of each queue could start now, in order; one round trip."""
        with redis_errors():
            pipe = self._store.redis.pipeline(transaction=False)
            for queue in queues:
                self._ready(args=[queue], client=pipe)
            return [int(ready) for ready in pipe.execute()]

    def look(self, queues: Sequence[str]) -> dict[str, Line]:
        """How the queues stand that have ready jobs; one round trip."""
        with redis_errors():
            flat = [text(value) for value in self._look(args=list(queues))]
        rows = zip(flat[0::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        return {queue: Line(int(ready), round(float(since)), float(tag)) for queue, ready, since, tag in rows}

    def positions(self, records: Sequence[JobRecord]) -> list[int | None]:
        """How many jobs of its model will be taken before each, as things stand: those of higher priority, and in its own queue
        those whose turn comes before its own. One round trip.

        None where it is nobody's turn: it is held, pauses before another try, or is not queued. Such jobs count in nobody's
        position either.
        """
        own = sorted({record.queue for record in records})
        higher = sorted({ahead for queue in own for ahead in queues_ahead(queue)})
        with redis_errors():
            pipe = self._store.redis.pipeline(transaction=False)
            for queue in higher:
                self._ready(args=[queue], client=pipe)
            for queue in own:
                self._sharers(args=[queue], client=pipe)
            for record in records:
                pipe.zrank(keys.ready(record.queue, _person_of(record)), record.id)
            answers = pipe.execute()
        ready = dict(zip(higher, answers, strict=False))
        standings = {queue: _standings(flat) for queue, flat in zip(own, answers[len(higher) :], strict=False)}
        ranks = zip(records, answers[len(higher) + len(own) :], strict=True)
        return [
            None if rank is None else sum(ready[q] for q in queues_ahead(r.queue)) + _place(r, rank, standings[r.queue])
            for r, rank in ranks
        ]

    def heal(self, queue: str, first: int) -> tuple[int, int]:
        """Make ready what should be, among the queued jobs of a queue from the `first` place on.

        Jobs that were queued before there were shares, and jobs that an API of before an upgrade still makes, are found so.

        Returns how many were looked at, and how many were missing.
        """
        with redis_errors():
            looked, missing = self._heal(args=[queue, first, first + HEALED_AT_ONCE - 1, keys.LIVE_TTL_S])
        return int(looked), int(missing)


#: Whose jobs go before everybody's, see shares.lua.
EVERYBODYS = ""


def _person_of(record: JobRecord) -> str:
    return EVERYBODYS if record.ahead else record.caller


def _standings(flat: Sequence[bytes]) -> list[Standing]:
    values = [text(value) for value in flat]
    rows = zip(values[0::4], values[1::4], values[2::4], values[3::4], strict=True)
    return [Standing(person, float(tag), int(jobs), float(charge)) for person, jobs, tag, charge in rows]


def _place(record: JobRecord, rank: int, standings: Sequence[Standing]) -> int:
    """Of a ready job in its queue; `rank`: among those of its person."""
    if record.ahead:
        return rank
    before_all = sum(standing.jobs for standing in standings if standing.person == EVERYBODYS)
    people = [standing for standing in standings if standing.person != EVERYBODYS]
    mine = next((standing for standing in people if standing.person == record.caller), None)
    return before_all + (expected_ahead(mine, rank, people) if mine else rank)
