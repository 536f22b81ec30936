"""What a search means, over a real server with a worker that is played: never waited for long, never asked twice."""

import threading
import time

import numpy as np
import pytest

from api.services import Services
from api.services.query_vectors import QueryVectors
from shared.contracts.embedding import EmbedResult, packed
from shared.contracts.jobs import State
from shared.errors import EngineFailed
from shared.jobs import lifecycle
from shared.redis import keys
from tests import workers_played

MODEL = "minilm-l6"


@pytest.fixture
def queries(services: Services) -> QueryVectors:
    services.registry.report(workers_played.report("words0", models=(MODEL,)))
    return made(services)


def made(services: Services, wait_s: float = 5.0) -> QueryVectors:
    """As another process would make it."""
    ours = (services.store, services.dispatcher, services.registry, services.catalogue, services.job_events)
    return QueryVectors(*ours, wait_s=wait_s)


def tell_weights(services: Services) -> None:
    services.store.redis.set(keys.weights("words0"), f'{{"{MODEL}": "abc"}}')


def end(services: Services, job: str, **how: object) -> None:
    workers_played.start(services, job)
    services.store.move(job, lambda record, now_ms: lifecycle.end(record, now_ms, token="pen", **how))


def answer(services: Services, job: str) -> None:
    result = EmbedResult(space=f"{MODEL}:1:abc", dimensions=2, vectors=(packed(np.array([0.6, 0.8])),))
    end(services, job, state=State.SUCCEEDED, result=result.model_dump(mode="json"))


def answering(services: Services) -> threading.Thread:
    """A worker that does the next job."""
    worker = threading.Thread(target=lambda: answer(services, workers_played.next_queued(services)))
    worker.start()
    return worker


def jobs(services: Services) -> int:
    return sum(services.store.counts().values())


def test_a_query_is_asked_urgently_and_comes_back_as_a_vector(services: Services, queries: QueryVectors):
    worker = answering(services)

    [found] = queries.of("a dog")

    worker.join()
    assert (found.card.id, found.space) == (MODEL, f"{MODEL}:1:abc")
    np.testing.assert_allclose(found.vector, [0.6, 0.8], atol=1e-3)


def test_nobody_waits_for_one_that_comes_too_late_and_the_next_has_it(services: Services, queries: QueryVectors):
    slow = made(services, wait_s=0.05)
    began = time.monotonic()
    assert slow.of("a dog") == []
    assert time.monotonic() - began < 2

    answer(services, workers_played.next_queued(services))

    assert len(slow.of("a dog")) == 1
    assert jobs(services) == 1


def test_the_same_query_is_asked_once_also_by_other_processes(services: Services, queries: QueryVectors):
    tell_weights(services)
    worker = answering(services)
    queries.of("a dog")
    worker.join()

    assert len(queries.of("a dog")) == 1
    assert len(made(services, wait_s=0).of("a dog")) == 1
    assert jobs(services) == 1


def test_a_job_that_failed_is_not_waited_for_again(services: Services, queries: QueryVectors):
    slow = made(services, wait_s=0)
    slow.of("a dog")
    error = lifecycle.failure_of(EngineFailed("it broke"))
    end(services, workers_played.next_queued(services), state=State.FAILED, error=error)

    slow.of("a dog")

    assert jobs(services) == 2


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_is_asked_about_nothing(services: Services, queries: QueryVectors, text: str):
    assert queries.of(text) == []
    assert jobs(services) == 0


def test_without_an_encoder_nothing_is_asked(services: Services):
    services.registry.report(workers_played.report("cpu0", models=("sdxl-toy", "efficientnet-lite0")))

    assert made(services).of("a dog") == []
    assert jobs(services) == 0
