"""Record first, message second, over a real Valkey as store and broker."""

import json

import pytest

from shared.contracts.jobs import State
from shared.errors import BrokerUnavailable
from shared.jobs.store import Idempotency, JobStore
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.redis.client import connect
from shared.redis.embedded import free_port
from shared.settings import Settings
from tests.integration.jobs import job


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return JobStore(connect(settings.required_redis_url(), 5), settings)


@pytest.fixture
def dispatcher(store: JobStore, settings: Settings) -> Dispatcher:
    return Dispatcher(store, make_app(settings, for_worker=False))


@pytest.fixture
def cut_off(store: JobStore, settings: Settings) -> Dispatcher:
    """Its store answers, its broker does not."""
    elsewhere = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    return Dispatcher(store, make_app(elsewhere, for_worker=False))


def test_a_message_carries_the_jobs_id_and_waits_in_the_jobs_queue(store, dispatcher):
    record, is_new = dispatcher.submit(job())

    (message,) = store.redis.lrange("m.normal", 0, -1)
    assert is_new
    assert json.loads(message)["headers"]["id"] == record.id


def test_a_repeat_with_the_same_key_sends_nothing(store, dispatcher):
    key = Idempotency("key", "hash")
    first, _ = dispatcher.submit(job(), idempotency=key)

    again, is_new = dispatcher.submit(job(), idempotency=key)

    assert (again.id, is_new) == (first.id, False)
    assert store.redis.llen("m.normal") == 1


def test_a_job_whose_message_cannot_be_sent_fails_and_says_so(store, cut_off):
    record = job()

    with pytest.raises(BrokerUnavailable) as refused:
        cut_off.submit(record)

    left = store.get(record.id)
    assert (left.state, left.error.code, left.error.retryable) == (State.FAILED, "broker_unavailable", True)
    assert refused.value.retry_after_s


def test_a_caller_who_was_told_to_try_again_gets_a_new_job_for_his_key(store, cut_off, dispatcher):
    key = Idempotency("key", "hash")
    with pytest.raises(BrokerUnavailable):
        cut_off.submit(job(), idempotency=key)

    record, is_new = dispatcher.submit(job(), idempotency=key)

    assert is_new
    assert record.state == State.QUEUED


def test_a_waiting_job_gets_no_message(store, dispatcher):
    dispatcher.submit(job(state=State.WAITING))

    assert store.redis.llen("m.normal") == 0
