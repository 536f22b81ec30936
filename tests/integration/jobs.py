"""Jobs for tests of the store: small records, and the moves a worker makes."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.connection import AbstractConnection

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


def is_moved(answer: Any) -> bool:
    """Whether Redis says that it has made a move."""
    return isinstance(answer, list) and answer[:1] == [b"moved"]


def lose_answers(monkeypatch: pytest.MonkeyPatch, fits: Callable[[Any], bool], times: int = 1) -> Callable[[], int]:
    """The connection breaks when Redis has done what it was asked, before its answer is read; the client may ask again.

    Args:
        fits: which answers are lost, the first `times` of them; it may ask Redis itself.

    Returns a call that says how many were.
    """
    read, lost, judging = AbstractConnection.read_response, [], threading.Lock()

    def losing(self: AbstractConnection, *args: Any, **kwargs: Any) -> Any:
        answer = read(self, *args, **kwargs)
        if len(lost) == times or not judging.acquire(blocking=False):
            return answer
        try:
            is_lost = fits(answer)
        finally:
            judging.release()
        if not is_lost:
            return answer
        lost.append(answer)
        self.disconnect()
        raise redis.ConnectionError("the answer was lost")

    monkeypatch.setattr(AbstractConnection, "read_response", losing)
    return lambda: len(lost)
