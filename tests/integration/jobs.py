"""Jobs for tests of the store: small records, and the moves a worker makes."""

import threading
from collections.abc import Callable
from typing import Any

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.errors import DarkroomError
from shared.jobs import lifecycle
from shared.jobs.routing import queue_of
from shared.jobs.store import JobStore


def job(**fields: Any) -> JobRecord:
    """A queued job of model `m`."""
    given: dict[str, Any] = {
        "id": new_job_id(),
        "kind": "generate",
        "model": "m",
        "state": State.QUEUED,
        "queue": queue_of("m", Priority.NORMAL),
        "batch_key": "m:shape",
        "caller": "anna",
    }
    return JobRecord(**(given | fields))


def made(store: JobStore, **fields: Any) -> JobRecord:
    """A stored one."""
    return store.create(job(**fields))[0]


def claim(store: JobStore, job_id: str, token: str = "pen", worker: str = "w1") -> JobRecord:
    return store.move(job_id, lambda j, now: lifecycle.claim(j, now, worker=worker, gpu="cpu", token=token))


def end(store: JobStore, job_id: str, token: str = "pen", state: State = State.SUCCEEDED) -> JobRecord:
    return store.move(
        job_id, lambda j, now: lifecycle.end(j, now, token=token, state=state, result={"images": [{"id": token}]})
    )


def lose(store: JobStore, job_id: str, reason: str = "silent") -> JobRecord:
    return store.move(job_id, lambda j, now: lifecycle.lose(j, now, reason=reason))


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act gave, or the error of ours it raised, all started in the same moment."""
    gate, outcomes = threading.Barrier(len(acts)), [None] * len(acts)

    def perform(index: int) -> None:
        gate.wait()
        try:
            outcomes[index] = acts[index]()
        except DarkroomError as exc:
            outcomes[index] = exc

    threads = [threading.Thread(target=perform, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
