"""What a run hears before its next pass: asked of the real store without a word of its jobs."""

import pytest

from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.errors import RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.news import Heard, News
from shared.rack.worker_registry import WorkerRegistry
from shared.redis import keys
from workers.control.reports import Standing


def heard(services, queues=(), held=None) -> Heard:
    return News(services.store.redis, "w").ask(queues, held or {})


def claimed(services) -> JobRecord:
    record = JobRecord(id=new_job_id(), kind="unload", model="m", state=State.QUEUED, params={"model": "m"}, queue="q")
    services.store.create(record)
    return services.store.move(record.id, lambda job, now: lifecycle.claim(job, now, worker="w", gpu="G", token="pen"))


def test_a_job_that_runs_with_our_pen_is_wanted_and_its_record_as_it_was(services):
    before = services.store.get(claimed(services).id)

    assert heard(services, held={before.id: "pen"}).unwanted == frozenset()
    assert services.store.get(before.id) == before


def test_one_that_is_to_be_cancelled_is_overdue_or_no_longer_ours_is_not(services):
    wanted, cancelled, late, lost, gone = (claimed(services) for _ in range(5))
    services.store.move(cancelled.id, lifecycle.cancel)
    services.store.redis.hset(keys.job(late.id), "deadline_at_ms", services.store.now_ms() - 1)
    services.store.move(lost.id, lambda job, now: lifecycle.lose(job, now, reason="died", token="pen"))
    services.store.redis.delete(keys.job(gone.id))

    held = {job.id: "pen" for job in (wanted, cancelled, late, lost, gone)}

    assert heard(services, held=held).unwanted == {cancelled.id, late.id, lost.id, gone.id}
    assert heard(services, held={wanted.id: "another pen"}).unwanted == {wanted.id}
    assert heard(services, held={}).unwanted == frozenset()


def test_queues_whose_jobs_could_start_are_named(services):
    queued = JobRecord(id=new_job_id(), kind="unload", model="m", state=State.QUEUED, params={"model": "m"}, queue="b")
    services.store.create(queued)
    claimed(services)

    assert heard(services, ["a", "b", "q"], {"job_gone": "pen"}).ready == {"b"}


def test_the_worker_s_own_orders_are_told(services):
    registry = WorkerRegistry(services.store.redis)
    before = heard(services)
    registry.tell_turn("w", "other")
    turned = heard(services)
    registry.pause("w")

    assert before == Heard(frozenset(), takes_nobody=False, turn="", unwanted=frozenset())
    assert (turned.turn, turned.takes_nobody) == ("other", False)
    assert heard(services).takes_nobody


def test_a_yield_that_ends_while_redis_is_away_is_over_for_a_run_as_soon_as_redis_hears_of_it(services, monkeypatch):
    registry, yielded = WorkerRegistry(services.store.redis), [True]
    standing = Standing("w", registry, on_pause=lambda _: None, has_yielded=lambda: yielded[-1], can_work=lambda: True)
    standing.tell()
    during = heard(services)
    yielded.append(False)

    def away(name: str) -> None:
        raise RedisUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "stays", away)
        with pytest.raises(RedisUnavailable):
            standing.tell()
    standing.tell()

    assert during.takes_nobody
    assert not heard(services).takes_nobody
