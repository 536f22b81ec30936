"""The reckoning after a chaos run: what was promised against what is there. Every violation is one line of text."""

from collections import Counter
from collections.abc import Iterator

from shared.contracts.jobs import INNOCENT, JobRecord, State
from shared.jobs.store import JobStore
from shared.pictures.folder_store import FolderStore
from shared.redis import keys
from tests.faults.chaos_load import Entry

#: kombu's own keys, see test_keys_expire.
KOMBUS = ("_kombu.binding", "unacked")
#: Indexes that only name live jobs, so that they must be empty when all have ended.
LIVE_INDEXES = (keys.LEASES, keys.DELAYED, keys.DEADLINES, keys.PENDING)
LIVE_PATTERNS = (
    *(keys.queue("*"), keys.slot("*"), keys.caller("*")),
    *(f"{keys.PREFIX}{name}" for name in ("ready:*", "sharers:*", "share:tags", "share:jobs", "peers:*")),
)


def violations(store: JobStore, artifacts: FolderStore, ledger: dict[str, Entry], lost_limit: int) -> list[str]:
    """Everything that is not as promised.

    Args:
        lost_limit: workers a job may lose before it may fail as `worker_lost`.
    """
    records = dict(zip(ledger, store.get_many(list(ledger)), strict=True))
    found = [line for job_id, record in records.items() for line in _of_job(ledger[job_id], record, lost_limit)]
    rest = (_of_strangers(store, ledger), _of_artifacts(store, artifacts), _of_keys(store), _of_quotas(store))
    return [*found, *(line for lines in rest for line in lines)]


def fates(store: JobStore, ledger: dict[str, Entry]) -> Counter[str]:
    """How the accepted jobs ended."""
    ended = (record for record in store.get_many(list(ledger)) if record is not None)
    return Counter(f"{r.state.value} ({r.error.code})" if r.error else r.state.value for r in ended)


def _of_job(entry: Entry, record: JobRecord | None, lost_limit: int) -> Iterator[str]:
    if record is None:
        yield f"{entry.id}: accepted, and there is no record"
        return
    if not record.is_final:
        yield f"{entry.id}: accepted, and still {record.state.value}"
    if (record.result is not None) != (record.state == State.SUCCEEDED):
        yield f"{entry.id}: {record.state.value} with result {record.result}"
    if record.result is not None and len(record.result["images"]) != entry.body["n"]:
        yield f"{entry.id}: {len(record.result['images'])} pictures for n={entry.body['n']}"
    if record.state == State.FAILED and not _has_cause(entry, record, lost_limit):
        yield f"{entry.id}: failed without a cause: {record.error}"
    if record.state == State.CANCELLED and not entry.cancels:
        yield f"{entry.id}: cancelled, and nobody asked for it"
    if record.state == State.SUCCEEDED and any(told != "succeeded" for told in entry.cancels):
        yield f"{entry.id}: succeeded after a cancel was accepted ({entry.cancels})"


def _has_cause(entry: Entry, record: JobRecord, lost_limit: int) -> bool:
    code = record.error.code if record.error else ""
    causes = {
        "engine_failed": "raise=" in entry.body["prompt"],
        "out_of_vram": "oom=" in entry.body["prompt"],
        "deadline_exceeded": "deadline_s" in entry.body,
        "worker_lost": sum(past.reason not in INNOCENT for past in record.history) >= lost_limit,
    }
    return causes.get(code, False)


def _of_strangers(store: JobStore, ledger: dict[str, Entry]) -> Iterator[str]:
    """Jobs nobody was promised: only those whose message could not be sent, and who were told so."""
    ids = [job_id.decode() for job_id in store.redis.zrange(keys.ALL_JOBS, 0, -1) if job_id.decode() not in ledger]
    for record in store.get_many(ids):
        if record is not None and not (record.error and record.error.code == "broker_unavailable"):
            yield f"{record.id}: {record.state.value}, and was never accepted"


def _of_artifacts(store: JobStore, artifacts: FolderStore) -> Iterator[str]:
    ids = [job_id.decode() for job_id in store.redis.zrange(keys.ALL_JOBS, 0, -1)]
    results = [record.result for record in store.get_many(ids) if record is not None and record.result]
    named = [image["id"] for result in results for image in result["images"]]
    there = set(artifacts.ids())
    for artifact, times in Counter(named).items():
        if times > 1:
            yield f"{artifact}: named by {times} jobs"
    if orphans := there - set(named):
        yield f"{len(orphans)} artifacts that no job names"
    if missing := set(named) - there:
        yield f"{len(missing)} artifacts that jobs name and that are not there"


def _of_keys(store: JobStore) -> Iterator[str]:
    client, queues = store.redis, set(store.queue_depths())
    for key in client.scan_iter(count=1000):
        name = key.decode()
        if client.ttl(name) == -1 and name not in queues and not name.startswith(KOMBUS):
            yield f"{name}: has no TTL"
    live = [
        *LIVE_INDEXES,
        *(key.decode() for pattern in LIVE_PATTERNS for key in client.scan_iter(pattern, count=1000)),
    ]
    for name in live:
        if client.exists(name):
            yield f"{name}: names jobs that have ended"


def _of_quotas(store: JobStore) -> Iterator[str]:
    """Nothing lives any more, so nothing is reserved; and what counts for people is what they made, once each."""
    client = store.redis
    for key in client.scan_iter(keys.used("*", "*"), count=1000):
        day = {name.decode(): int(value) for name, value in client.hgetall(key).items()}
        if day.get("reserved_ms", 0) or day.get("settled_ms", 0) < 0:
            yield f"{key.decode()}: {day} after all jobs have ended"
    for person, stored in client.hgetall(keys.STORED).items():
        counted = sum(int(size) for size in client.hvals(keys.pictures(person.decode())))
        if counted != int(stored):
            yield f"{person.decode()}: pictures of {counted} bytes count, their sum says {int(stored)}"
