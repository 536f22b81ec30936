"""Plays feeder and workers over the real store, one step at a time, so that a test decides what happens when."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from api.services import Services
from shared.contracts.jobs import Failure, JobRecord, State
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.rack.worker_registry import WorkerRegistry
from shared.redis import keys
from tests import workers_played
from workers.batches.feeder import Feeder

Outcome = tuple[State, dict[str, Any] | None, Failure | None]
STEP = {"kind": "generate", "model": "sdxl-toy", "steps": 2, "width": 64, "height": 64}
REMIX = STEP | {"image": "@previous"}
#: The hash of every played model's weights.
WEIGHTS = "a" * 64
ASK = {"kind": "analyze", "tasks": [{"task": "caption"}, {"task": "tags"}, {"task": "rating"}]}


def feeder(services: Services, **more: Any) -> Feeder:
    """A feeder of its own, as after the death of any before it; the test calls it."""
    services.store.redis.delete(keys.lock("feeder"))
    return Feeder(services.store, services.dispatcher, services.registry, services.settings, **more)


def start(web: Any, **body: Any) -> dict[str, Any]:
    """Send a batch; returns its record."""
    answer = web.post("/v1/batches", json={"steps": [STEP]} | body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json)


def workers_with(services: Services, weights: str = WEIGHTS, name: str = "gpu0") -> None:
    """A living worker says that it has these weights of every model."""
    WorkerRegistry(services.store.redis).report(workers_played.report(name))
    told = dict.fromkeys(services.catalogue.cards, weights)
    services.store.redis.set(keys.weights(name), json.dumps(told))


def look(web: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch as it stands."""
    return dict(web.get(f"/v1/batches/{batch['id']}").json)


def members(web: Any, batch: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """Its members as they stand."""
    return list(web.get(f"/v1/batches/{batch['id']}/members", query_string=query).json["members"])


def succeeds(job: JobRecord) -> Outcome:
    """A picture, or words about one."""
    if job.kind == "generate":
        return State.SUCCEEDED, {"images": [{"id": f"img_{job.id[4:].ljust(32, '0')}"}]}, None
    words = {
        "caption": {"text": f"seen: {job.params['image']}"},
        "tags": {"tags": [{"name": "red, round"}, {"name": "ball"}]},
        "rating": {"nsfw": 0.25, "is_nsfw": False},
    }
    answers = [
        {"task": t["task"], "ok": True, "model": t["engine"], "weights_hash": WEIGHTS, "answer": words[t["task"]]}
        for t in job.params["tasks"]
    ]
    return State.SUCCEEDED, {"answers": answers}, None


def fails(job: JobRecord) -> Outcome:
    return State.FAILED, None, Failure(code="engine_failed", message=f"as ordered: {job.model}")


def fails_where(is_bad: Callable[[JobRecord], bool]) -> Callable[[JobRecord], Outcome]:
    """Some fail, the others succeed."""
    return lambda job: fails(job) if is_bad(job) else succeeds(job)


def run_one(services: Services, job_id: str, outcome: Callable[[JobRecord], Outcome] = succeeds) -> JobRecord:
    """Do one queued job as a worker does: claim it, end it, see to what follows."""
    state, result, error = outcome(workers_played.start(services, job_id))
    ended = services.store.move(
        job_id,
        lambda job, now_ms: lifecycle.end(job, now_ms, token="pen", state=state, result=result, error=error),
    )
    chains = Chains(services.store, services.settings)
    chains.remember(ended)
    chains.advance(ended)
    return ended


def queued(services: Services) -> list[JobRecord]:
    """All queued jobs, oldest first."""
    records = services.store.get_many(services.store.ids_between(State.QUEUED, 0, -1))
    return [record for record in records if record is not None]


def run_all(services: Services, outcome: Callable[[JobRecord], Outcome] = succeeds, **more: Any) -> list[JobRecord]:
    """Feed and work until nothing is left; returns what ran, in order."""
    return list(running(services, outcome, **more))


def running(services: Services, outcome: Callable[[JobRecord], Outcome] = succeeds, **more: Any) -> Iterator[JobRecord]:
    """The same one job at a time."""
    feeding = feeder(services, **more)
    while True:
        feeding.feed()
        found = queued(services)
        if not found:
            return
        for job in found:
            yield run_one(services, job.id, outcome)
