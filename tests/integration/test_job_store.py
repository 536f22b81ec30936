"""Records in a real Valkey: what each move leaves behind, and who wins when several want the same job."""

from typing import Any

import pytest

from shared.contracts.jobs import Progress, Reason, State, new_job_id
from shared.errors import (
    Gone,
    IdempotencyMismatch,
    IllegalMove,
    NotFound,
    QueueFull,
    TooManyRequests,
)
from shared.jobs import lifecycle
from shared.jobs.store import Idempotency, JobStore
from shared.redis import keys
from shared.redis.client import connect
from shared.settings import Settings
from tests.integration.jobs import at_once, claim, end, is_moved, job, lose, lose_answers, made
from tests.rig import wait_for


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return JobStore(connect(settings.required_redis_url(), 5), settings)


def with_settings(store: JobStore, settings: Settings, **changes: Any) -> JobStore:
    return JobStore(store.redis, settings.model_copy(update=changes))


def test_what_is_stored_comes_back_as_it_was(store):
    record = made(store, params={"prompt": "ünïcode \n %", "n": 2}, retry_of="job_x")

    assert store.get(record.id) == record
    assert (record.created_at_ms, record.queued_at_ms) == (record.created_at_ms, record.created_at_ms)


def test_ids_that_never_existed_and_ids_whose_time_is_over_are_told_apart(store):
    record = made(store)
    store.redis.delete(keys.job(record.id))

    with pytest.raises(Gone):
        store.get(record.id)
    with pytest.raises(NotFound):
        store.get(new_job_id())


# -- idempotency ---------------------------------------------------------------------------------------------------------


def test_parallel_duplicates_with_one_key_create_one_job(store):
    same = Idempotency("key", "hash")

    outcomes = at_once(*(lambda: store.create(job(), idempotency=same) for _ in range(8)))

    assert len({record.id for record, _ in outcomes}) == 1
    assert sum(is_new for _, is_new in outcomes) == 1
    assert store.counts()["queued"] == 1


def test_a_known_key_with_another_body_is_refused(store):
    store.create(job(), idempotency=Idempotency("key", "one"))

    with pytest.raises(IdempotencyMismatch):
        store.create(job(), idempotency=Idempotency("key", "other"))


def test_callers_do_not_share_their_keys(store):
    store.create(job(), idempotency=Idempotency("key", "one"))

    _, is_new = store.create(job(caller="bert"), idempotency=Idempotency("key", "other"))

    assert is_new


def test_a_creation_whose_answer_was_lost_is_still_new_when_it_is_asked_again(store):
    record = job()
    store.create(record, idempotency=Idempotency("key", "hash"))

    _, is_new = store.create(record, idempotency=Idempotency("key", "hash"))

    assert is_new  # so that its message is sent
    assert store.counts()["queued"] == 1


# -- answers that are lost -----------------------------------------------------------------------------------------------


def test_a_move_whose_answer_was_lost_is_made_once_and_its_own(store, monkeypatch):
    record = claim(store, made(store).id)
    lost = lose_answers(monkeypatch, is_moved)

    ended = end(store, record.id)

    assert lost() == 1
    assert (ended.state, ended.rev) == (State.SUCCEEDED, record.rev + 1)
    assert store.get(record.id).rev == ended.rev


def test_a_move_that_waits_for_redis_is_its_own_however_many_answers_were_lost(store, monkeypatch):
    record = claim(store, made(store).id)
    monkeypatch.setattr("shared.redis.client.FIRST_PAUSE_S", 0.0)
    lost = lose_answers(monkeypatch, is_moved, times=5)

    back = store.move(
        record.id, lambda j, now: lifecycle.give_back(j, now, token="pen", reason=Reason.DRAINED), waits=True
    )

    assert lost() == 5
    assert (back.state, back.rev, len(back.history)) == (State.QUEUED, record.rev + 1, 1)
    assert store.get(record.id) == back


def test_a_move_whose_answer_was_lost_is_its_own_also_when_others_moved_the_job_meanwhile(store, monkeypatch):
    record = made(store)
    other, written, rivals = JobStore(store.redis, store._settings), store._written, [lifecycle.cancel]

    def written_twice(difference):
        written(difference)
        other.move(record.id, rivals.pop())
        return written(difference)

    monkeypatch.setattr(store, "_written", written_twice)

    assert claim(store, record.id).state == State.RUNNING
    assert store.get(record.id).cancel_requested


def test_who_is_slower_loses_whatever_the_other_wrote(store):
    record, now_ms = made(store), store.now_ms()
    store.move(record.id, lifecycle.hold)

    assert store.write(record, lifecycle.claim(record, now_ms, worker="w1", gpu="cpu", token="pen")) is None


# -- limits --------------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_and_tells_when_by_the_pace_of_the_last_ends(store, settings):
    for index in range(5):
        end(store, claim(store, made(store).id, token=str(index)).id, token=str(index))
    made(store)
    full = with_settings(store, settings, max_queued_jobs=1)

    with pytest.raises(QueueFull) as refused:
        full.create(job())

    assert 1 <= refused.value.retry_after_s <= 300
    assert refused.value.retry_after_s == store.room_after_s()


def test_a_callers_own_limit_counts_what_runs_too_and_only_his(store, settings):
    limited = with_settings(store, settings, max_queued_jobs_per_caller=2)
    claim(limited, made(limited).id)
    made(limited)

    with pytest.raises(TooManyRequests) as refused:
        limited.create(job())

    assert refused.value.retry_after_s >= 1
    assert limited.create(job(caller="bert"))[1]


def test_a_job_that_ended_makes_room(store, settings):
    limited = with_settings(store, settings, max_queued_jobs_per_caller=1)
    first = made(limited)
    end(limited, claim(limited, first.id).id)

    assert limited.create(job())[1]


# -- leases --------------------------------------------------------------------------------------------------------------


def test_a_lease_that_is_renewed_cannot_be_taken(store, settings):
    quick = with_settings(store, settings, lease_s=0.6)
    record = claim(quick, made(quick).id)
    wait_for(quick.expired_leases, 60, "an expired lease")

    held = quick.renew("w1")

    assert [(h.id, h.token, h.phase) for h in held] == [(record.id, "pen", "loading")]
    with pytest.raises(IllegalMove):
        quick.move(record.id, lambda j, now: lifecycle.lose(j, now, reason="x"), only_if_lease_expired=True)


def test_renewing_forgets_what_the_worker_no_longer_holds(store):
    record = claim(store, made(store).id)
    end(store, record.id)
    store.redis.hset(keys.slot("w1"), record.id, "pen")

    assert store.renew("w1") == []
    assert store.held_by("w1") == {}


def test_a_claim_and_each_beat_are_signs_of_life_in_the_record(store):
    record = claim(store, made(store).id)
    claimed_ms = store.get(record.id).beat_at_ms
    wait_for(lambda: store.now_ms() > claimed_ms, 2, "a later millisecond")

    store.beat(record.id, record.token, Progress(phase="running"))

    assert record.started_at_ms <= claimed_ms < store.get(record.id).beat_at_ms <= store.now_ms()


def test_a_deadline_that_passed_is_told_by_the_beat(store):
    record, _ = store.create(job(), deadline_s=0.2)
    claim(store, record.id)

    wait_for(lambda: store.beat(record.id, "pen", Progress()) == "overdue", 60, "the deadline")


# -- places --------------------------------------------------------------------------------------------------------------


def test_a_job_that_is_put_back_keeps_its_place(store):
    first, second = made(store), made(store)
    claim(store, first.id)

    lose(store, first.id)

    assert store.queued_in(first.queue, None) == [first.id, second.id]


# -- retention -----------------------------------------------------------------------------------------------------------


def test_an_ended_record_expires_and_then_its_id_answers_gone(store, settings):
    brief = with_settings(store, settings, record_ttl_s=1)
    record = end(brief, claim(brief, made(brief).id).id)

    def is_gone() -> bool:
        try:
            brief.get(record.id)
        except Gone:
            return True
        return False

    wait_for(is_gone, 60, "the record's end")
    assert brief.which_existed([record.id, new_job_id()]) == {record.id}


def test_every_key_has_an_end(store):
    record, _ = store.create(job(), idempotency=Idempotency("key", "hash"), deadline_s=60)
    claim(store, record.id)
    store.beat(record.id, "pen", Progress(), preview=b"x")
    store.announce("img_1", record.id)
    lose(store, record.id)
    end(store, claim(store, record.id).id)
    made(store)

    endless = [key for key in store.redis.scan_iter() if store.redis.ttl(key) == -1]

    assert endless == []
