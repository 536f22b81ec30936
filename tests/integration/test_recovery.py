"""Recovery over a real Valkey and a real broker; only its clock is ours."""

import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from shared.contracts.jobs import State
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.pictures.folder_store import FolderStore
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.redis import keys
from shared.redis.client import connect
from shared.settings import Settings
from tests.batches_played import STEP, start
from tests.integration.jobs import claim, end, made
from tests.rig import wait_for
from workers.batches.feed_bell import FeedBell
from workers.control.tickets import stale_by
from workers.recovery.housekeeping import PENDING_GRACE_S, Housekeeping
from workers.recovery.recovery import Recovery

LEASE_S = 0.6


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A store, a recovery over it, and the broker's queues."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings.model_copy(update={"lease_s": LEASE_S, "stale_queued_s": 2.0})
        self.store = JobStore(connect(settings.required_redis_url(), 5), self.settings)
        self.artifacts = FolderStore(folder / "artifacts", self.store.redis, ttl_s=3600)
        self.clock = Clock()

    def recovery(self) -> Recovery:
        """One more worker's."""
        dispatcher = Dispatcher(self.store, make_app(self.settings, for_worker=False))
        return Recovery(self.store, dispatcher, self.settings, self.clock)

    def tickets(self) -> int:
        return int(self.store.redis.llen("m.normal"))

    def expired(self) -> list[str]:
        return wait_for(self.store.expired_leases, 60, "an expired lease")


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> House:
    return House(settings, tmp_path)


def test_a_job_whose_lease_ran_out_is_queued_again_with_a_fresh_message(house):
    record = claim(house.store, made(house.store).id)
    house.expired()

    assert house.recovery().take_orphans() == 1

    back = house.store.get(record.id)
    assert (back.state, back.attempt, len(back.history)) == (State.QUEUED, 1, 1)
    assert house.tickets() == 1


def test_a_worker_that_speaks_up_between_the_look_and_the_move_keeps_its_job(house):
    record = claim(house.store, made(house.store).id)
    house.expired()
    house.store.renew("w1")

    assert house.recovery().take_orphans() == 0

    assert house.store.get(record.id).state == State.RUNNING


def test_one_sweeper_at_a_time(house):
    first, second = house.recovery(), house.recovery()
    first.sweep()
    claim(house.store, made(house.store).id)
    house.expired()

    second.sweep()

    assert house.store.counts()["running"] == 1


def test_after_a_silence_of_redis_living_workers_have_one_lease_to_speak_up(house):
    recovery = house.recovery()
    recovery.sweep()
    record = claim(house.store, made(house.store).id)
    house.expired()
    house.clock.now += 60  # nothing was heard from Redis for so long

    recovery.sweep()
    during = house.store.get(record.id).state
    house.clock.now += LEASE_S + 0.01
    recovery.sweep()

    assert (during, house.store.get(record.id).state) == (State.RUNNING, State.QUEUED)


def test_a_slot_is_released_by_the_tokens_of_its_dead_claims_only(house):
    record = made(house.store)
    claim(house.store, record.id, token="old")
    house.store.move(record.id, lambda j, now: lifecycle.lose(j, now, reason="silent"))
    claim(house.store, record.id, token="new", worker="w2")
    house.store.redis.hset(keys.slot("w1"), record.id, "old")  # what a crash between two steps would leave

    assert house.recovery().release_slot("w1", "the worker died") == 0

    assert house.store.get(record.id).token == "new"


def test_a_lease_from_before_the_clock_went_back_runs_out_by_our_own_clock(house):
    record = claim(house.store, made(house.store).id)
    far = house.store.now_ms() + 3_600_000
    house.store.redis.hset(keys.job(record.id), "lease_until_ms", far)
    house.store.redis.zadd(keys.LEASES, {record.id: far})
    recovery = house.recovery()

    assert recovery.take_orphans() == 0
    house.clock.now += LEASE_S + 0.01
    assert recovery.take_orphans() == 1


def test_an_overdue_job_fails_wherever_it_is(house):
    waiting, _ = house.store.create(made(house.store).model_copy(update={"id": "job_" + "1" * 24}), deadline_s=0.1)
    running, _ = house.store.create(made(house.store).model_copy(update={"id": "job_" + "2" * 24}), deadline_s=0.1)
    claim(house.store, running.id)
    wait_for(lambda: len(house.store.past_deadline()) == 2, 60, "two deadlines")

    assert house.recovery().end_overdue() == 2

    codes = {house.store.get(job_id).error.code for job_id in (waiting.id, running.id)}
    assert codes == {"deadline_exceeded"}
    assert house.store.held_by("w1") == {}


def test_a_retried_job_is_sent_when_its_pause_is_over_and_again_if_that_message_is_lost(house):
    record = claim(house.store, made(house.store).id)
    house.store.move(
        record.id,
        lambda j, now: lifecycle.give_back(j, now, token="pen", reason="retried", not_before_ms=now + 200),
    )
    recovery = house.recovery()
    assert recovery.start_due() == 0

    wait_for(recovery.start_due, 60, "the end of the pause")
    sent = house.tickets()
    house.store.redis.delete("m.normal")
    fresh = house.recovery()  # another worker, which has not sent it just now

    wait_for(lambda: fresh.sweep() or house.tickets(), 60, "the message, sent again")
    assert sent == 1


def test_one_that_another_version_wrote_keeps_no_other_from_going_on_after_its_pause(house):
    paused = [claim(house.store, made(house.store).id) for _ in range(3)]
    for record in paused:
        house.store.move(
            record.id,
            lambda j, now: lifecycle.give_back(j, now, token="pen", reason="retried", not_before_ms=now + 500),
        )
    house.store.redis.hset(keys.job(paused[1].id), "priority", "of another version")
    recovery, sent = house.recovery(), []

    wait_for(lambda: sent.append(recovery.start_due()) or sum(sent) == 2, 60, "the end of the pause")

    assert recovery.start_due() == 0


def test_missing_messages_are_found_among_others_and_the_rest_is_left_alone(house):
    dispatcher = Dispatcher(house.store, make_app(house.settings, for_worker=False))
    records = [made(house.store) for _ in range(5)]
    for record in (records[0], records[2], records[4]):
        dispatcher.send(record)

    assert house.recovery().requeue_missing() == 2

    assert house.tickets() == 5
    assert house.recovery().requeue_missing() == 0


def test_a_queue_of_thousands_is_searched_page_by_page(house):
    dispatcher = Dispatcher(house.store, make_app(house.settings, for_worker=False))
    records = [made(house.store) for _ in range(1203)]
    for record in records:
        dispatcher.send(record)
    house.store.redis.rpop("m.normal")

    assert house.recovery().requeue_missing() == 1


def test_pictures_of_a_job_that_ended_otherwise_are_dropped_and_named_ones_stay(house):
    winner, loser = claim(house.store, made(house.store).id), claim(house.store, made(house.store).id)
    kept, orphan = house.artifacts.put(b"kept"), house.artifacts.put(b"orphan")
    house.store.announce(kept, winner.id)
    house.store.announce(orphan, loser.id)
    end(house.store, winner.id, token="pen")
    house.store.move(loser.id, lifecycle.cancel)
    end(house.store, loser.id, token="pen")
    house.store.redis.hset(keys.job(winner.id), "result", f'{{"images": [{{"id": "{kept}"}}]}}')
    housekeeping = Housekeeping(house.store, house.artifacts, 3600, house.clock)

    too_early = housekeeping.drop_pending()
    house.clock.now += PENDING_GRACE_S
    dropped = housekeeping.drop_pending()

    assert (too_early, dropped) == (0, 1)
    assert list(house.artifacts.ids()) == [kept]
    assert not house.store.redis.exists(keys.PENDING)


def test_ids_of_expired_records_leave_the_lists_even_behind_a_living_crowd(house):
    crowd = [made(house.store) for _ in range(600)]
    expired = made(house.store)
    house.store.redis.delete(keys.job(expired.id))

    assert Housekeeping(house.store, house.artifacts, 3600, house.clock).forget_expired() == 1

    assert expired.id not in house.store.ids_between(State.QUEUED, 0, -1)
    assert house.store.counts()["queued"] == len(crowd)


def old_pictures(house, number: int) -> list[str]:
    ids = [house.artifacts.put(f"picture {i}".encode()) for i in range(number)]
    for artifact_id in ids:
        os.utime(house.artifacts._path(artifact_id), (1, 1))
    return ids


def test_pictures_past_their_time_go_part_by_part_and_fresh_ones_stay(house):
    old_pictures(house, 20)
    fresh = house.artifacts.put(b"fresh")
    housekeeping = Housekeeping(house.store, house.artifacts, 3600, house.clock)

    left = [len(list(house.artifacts.ids()))]
    for _ in range(house.artifacts.parts):
        housekeeping.look()
        left.append(len(list(house.artifacts.ids())))
        house.clock.now += 1

    assert max(before - after for before, after in pairwise(left)) < 20
    assert list(house.artifacts.ids()) == [fresh]


def test_only_one_worker_at_a_time_keeps_house(house):
    first, second = (Housekeeping(house.store, house.artifacts, 3600, house.clock) for _ in range(2))
    first.look()
    old_pictures(house, 5)
    for _ in range(house.artifacts.parts):
        second.look()
        house.clock.now += 1

    assert len(list(house.artifacts.ids())) == 5


def test_a_queue_with_enough_tickets_gets_no_more_whichever_jobs_they_name(house):
    for _ in range(3):
        house.store.redis.lpush("m.normal", "a ticket of a job that has ended")
        made(house.store)
    late = made(house.store)

    assert house.recovery().requeue_missing() == 1
    assert house.recovery().requeue_missing() == 0
    assert late.id in house.store.queued_in("m.normal", None)


def test_held_jobs_need_no_tickets(house):
    held = made(house.store)
    house.store.move(held.id, lifecycle.hold)

    assert house.recovery().requeue_missing() == 0


def test_jobs_that_an_earlier_version_queued_are_put_into_their_shares_and_get_their_tickets(house):
    old = [made(house.store) for _ in range(1200)]
    for key in house.store.redis.scan_iter("darkroom:s*"):
        house.store.redis.delete(key)
    for key in house.store.redis.scan_iter("darkroom:ready:*"):
        house.store.redis.delete(key)
    recovery = house.recovery()

    recovery.sweep()
    recovery.requeue_missing()

    assert Shares(house.store, 30).ready_in(["m.normal"]) == [len(old)]
    assert house.tickets() == len(old)


def test_a_ticket_is_stale_when_its_queue_has_no_ready_job_whatever_became_of_its_own(house):
    shares = Shares(house.store, 30)
    taken, waiting = claim(house.store, made(house.store).id), made(house.store)
    is_stale = stale_by(house.store, shares)

    before = [is_stale(taken.id, "m.normal"), is_stale("job_unknown", "m.normal"), is_stale(waiting.id, "m.low")]
    house.store.move(waiting.id, lifecycle.hold)
    held = is_stale(taken.id, "m.normal")

    assert (before, held) == ([False, False, True], True)


def test_with_redis_away_no_ticket_counts_as_stale(settings):
    away = JobStore(connect("redis://127.0.0.1:1/0", 0.2), settings)

    assert not stale_by(away, Shares(away, 30))("job_any", "m.normal")


def test_a_new_batch_rings_the_feeders_bell(services, web):
    rung = threading.Event()
    FeedBell(services.store.redis, rung.set).start()
    wait_for(lambda: services.store.redis.pubsub_numsub(keys.FEED)[0][1], 60, "a listener")

    start(web, prompts=["a"], steps=[STEP])

    assert rung.wait(60)
