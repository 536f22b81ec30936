"""The reader's order through kombu's real Redis transport, against a real server."""

import json
import time
from dataclasses import replace

import kombu
import pytest

from shared.jobs.routing import queues_of
from shared.jobs.store import JobStore
from shared.models.measurements import JOB, LOAD, Measurements
from shared.rack.worker_registry import GpuFacts, Resident, WorkerRegistry, WorkerReport
from shared.redis import keys
from shared.redis.client import connect
from shared.settings import Settings
from workers.control.queue_order import LOADING_MS, Reader, Reads, set_provider

QUEUES = queues_of(["a", "b"], "me")


@pytest.fixture
def client(redis_url):
    return connect(redis_url, 5.0)


@pytest.fixture
def now_s():
    return [0.0]


@pytest.fixture
def reader(client, now_s):
    store = JobStore(client, Settings())
    made = Reader("me", store, WorkerRegistry(client), Measurements(client), max_wait_s=30.0, clock_s=lambda: now_s[0])
    set_provider(made)
    yield made
    set_provider(None)


@pytest.fixture
def inbox(redis_url):
    """A connection that consumes as a worker does; call it to get the queue of the next message."""
    options = {"priority_steps": [0], "sep": ":", "queue_order_strategy": "workers.control.queue_order.ReaderOrder"}
    with kombu.Connection(redis_url, transport_options=options) as connection:
        got: list[str] = []
        consumer = kombu.Consumer(
            connection,
            [kombu.Queue(name) for name in QUEUES],
            callbacks=[lambda body, message: (got.append(body), message.ack())],
            prefetch_count=1,
        )

        def next_queue(timeout_s: float = 5.0) -> str:
            got.clear()
            with consumer:
                deadline = time.monotonic() + timeout_s
                while not got and time.monotonic() < deadline:
                    try:
                        connection.drain_events(timeout=0.5)
                    except TimeoutError:
                        continue
            return got[0] if got else ""

        yield next_queue


def publish(url: str, *queues: str) -> None:
    """One message to each, which says where it was sent."""
    options = {"priority_steps": [0], "sep": ":"}
    with kombu.Connection(url, transport_options=options) as connection, connection.Producer() as producer:
        for queue in queues:
            producer.publish(queue, exchange="", routing_key=queue, declare=[kombu.Queue(queue)])


def job_waits(client, queue: str, since_s: float, person: str = "anna") -> None:
    """A ready job of somebody, as far as the reader sees one."""
    seconds, _ = client.time()
    client.zadd(keys.sharers(queue), {person: (seconds - since_s) * 1000})
    client.zadd(keys.ready(queue, person), {f"job-{queue}": (seconds - since_s) * 1_000_000})


def loaded(client, *models: str) -> None:
    client.set(keys.resident("me"), json.dumps([{"model": model, "held_mib": 1} for model in models]))


def another_worker(client, name: str, *models: str, state: str = "ready") -> None:
    WorkerRegistry(client).report(
        WorkerReport(
            name=name,
            host="attic",
            pid=1,
            state=state,
            gpu=GpuFacts(name="gpu", uuid=name, total_mib=1),
            budget_mib=1,
            resident=tuple(Resident(model=model, held_mib=1) for model in models),
        )
    )


def test_kombu_reads_the_loaded_models_queue_first_whatever_the_order_of_arrival(redis_url, client, reader, inbox):
    loaded(client, "b")
    publish(redis_url, "a.normal", "b.normal", "a.normal", "b.normal")
    for queue in ("a.normal", "b.normal"):
        job_waits(client, queue, since_s=1)

    assert [inbox(), inbox()] == ["b.normal", "b.normal"]


def test_kombu_reads_a_neglected_queue_before_the_loaded_one(redis_url, client, reader, inbox, now_s):
    loaded(client, "b")
    job_waits(client, "b.normal", since_s=1)
    reader.order(QUEUES)
    job_waits(client, "a.normal", since_s=400)
    reader._view = replace(reader._view, switched_ms=0)
    now_s[0] += 1
    publish(redis_url, "b.normal", "a.normal")

    assert inbox() == "a.normal"


def test_of_two_loaded_models_the_one_whose_people_were_given_less_is_read_first(client, reader, now_s):
    loaded(client, "a", "b")
    job_waits(client, "a.normal", since_s=20, person="anna")
    job_waits(client, "b.normal", since_s=1, person="ben")
    client.zadd(f"{keys.PREFIX}share:tags", {"anna": 50.0, "ben": 20.0})

    before = reader.order(QUEUES).index("b.normal") < reader.order(QUEUES).index("a.normal")
    client.zadd(f"{keys.PREFIX}share:tags", {"ben": 60.0})
    now_s[0] += 1
    after = reader.order(QUEUES).index("b.normal") < reader.order(QUEUES).index("a.normal")

    assert (before, after) == (True, False)


def test_what_one_worker_took_the_others_do_not_call_neglected(client, reader, now_s):
    other = Reader(
        "other",
        JobStore(client, Settings()),
        WorkerRegistry(client),
        Measurements(client),
        max_wait_s=30.0,
        clock_s=lambda: now_s[0],
    )
    loaded(client, "b")
    for queue, since_s in (("a.normal", 400), ("b.normal", 1)):
        job_waits(client, queue, since_s)
    other.order(QUEUES)

    other.served("a.normal")
    reader.order(QUEUES)

    assert reader._view.neglect_s("a.normal") < 5


def test_models_on_living_workers_count_and_those_on_draining_ones_do_not(client, reader):
    another_worker(client, "w1", "a")
    another_worker(client, "w2", "a", "b")
    another_worker(client, "w3", "b", state="draining")
    another_worker(client, "me", "a")

    reader.order(QUEUES)

    assert reader._view.elsewhere == {"a": 2, "b": 1}


def test_a_model_that_another_worker_is_just_loading_counts_as_held(client, reader, now_s):
    another_worker(client, "w1")
    client.hset(keys.TAKEN, "a.normal", f"{reader._store.now_ms()} w1")
    client.hset(keys.TAKEN, "b.normal", f"{reader._store.now_ms() - 2 * LOADING_MS} w1")

    reader.order(QUEUES)
    now_s[0] += 1
    reader.order(QUEUES)

    assert reader._view.elsewhere == {"a": 1}


def test_measured_times_replace_the_assumed_ones(client, reader):
    Measurements(client).add_time("a", "me", LOAD, 1500)
    Measurements(client).add_time("a", "someone", JOB, 700)

    reader.order(QUEUES)

    assert (reader._view.switch_of("a"), reader._view.job_of("a")) == (1.5, 0.7)


def test_it_looks_at_most_every_half_second(client, reader, now_s):
    reader.order(QUEUES)
    job_waits(client, "a.normal", since_s=1)
    reader.order(QUEUES)
    unseen = dict(reader._view.queues)
    now_s[0] += 0.6
    reader.order(QUEUES)

    assert unseen == {}
    assert set(reader._view.queues) == {"a.normal"}


def test_a_paused_worker_takes_nothing_and_goes_on_afterwards(redis_url, client, reader, inbox):
    publish(redis_url, "a.normal")
    reader.pause(True)
    while_paused = inbox(timeout_s=1.5)

    reader.pause(False)

    assert while_paused == ""
    assert inbox() == "a.normal"


def test_without_redis_the_last_view_goes_on_being_used(client, reader, now_s, monkeypatch):
    loaded(client, "b")
    for queue in ("a.normal", "b.normal"):
        job_waits(client, queue, since_s=1)
    before = reader.order(QUEUES)
    monkeypatch.setattr(reader, "_redis", connect("redis://127.0.0.1:1/0", 0.2))
    monkeypatch.setattr(reader._store, "redis", reader._redis)
    now_s[0] += 1

    reader.served("b.normal")

    assert reader.order(QUEUES) == before


def test_a_worker_that_gives_way_reads_only_its_own_queues_then_none(reader):
    read = {}
    for reads in Reads:
        reader.limit(reads)
        read[reads] = set(reader.order(QUEUES))

    assert read[Reads.COMMANDS] == {queue for queue in QUEUES if queue.startswith("@me.")}
    assert (read[Reads.NOTHING], read[Reads.ALL]) == (set(), set(QUEUES))


def test_without_a_child_that_can_work_nothing_is_read(client):
    can_work = [False]
    reader = Reader(
        "me",
        JobStore(client, Settings()),
        WorkerRegistry(client),
        Measurements(client),
        max_wait_s=30.0,
        clock_s=lambda: 0.0,
        can_work=lambda: can_work[0],
    )
    queues = ["a.normal", "@me.high"]

    assert reader.order(queues) == []
    can_work[0] = True
    assert set(reader.order(queues)) == set(queues)
