"""What people use, over a real Valkey: counted when a job is made, settled when it ends, and nobody is let in beyond a limit."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shared.accounts.limits import NO_LIMITS, day_of
from shared.accounts.quotas import Quotas
from shared.contracts.access import Limits
from shared.contracts.jobs import JobRecord, State
from shared.errors import DarkroomError, QuotaExhausted, RateLimited, RedisUnavailable, StorageFull, TooManyOpen
from shared.jobs import lifecycle
from shared.jobs.estimates import Estimates
from shared.jobs.store import Idempotency, JobStore
from shared.pictures.artifact_store import id_of
from shared.pictures.stores import open_store
from shared.redis import keys
from shared.redis.client import LUA, connect
from shared.settings import Settings
from tests.integration.jobs import at_once, claim, job, lose
from workers.recovery.picture_counts import PictureCounts

MIB = 2**20


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return JobStore(connect(settings.required_redis_url(), 5), settings)


@pytest.fixture(autouse=True)
def costs_as_given(monkeypatch) -> None:
    """What a job is expected to take is what its test says."""
    monkeypatch.setattr(Estimates, "costed", lambda self, record: record)


@pytest.fixture
def quotas(store: JobStore) -> Quotas:
    return Quotas(store.redis)


def send(store: JobStore, limits: Limits = NO_LIMITS, **fields) -> JobRecord:
    return store.create(job(**fields), limits=limits)[0]


def finish(store: JobStore, job_id: str, spent_s: float, state: State = State.SUCCEEDED, images=()) -> JobRecord:
    result = {"images": list(images)} if images else None
    return store.move(
        job_id, lambda j, now: lifecycle.end(j, now, token="pen", state=state, result=result, spent_s=spent_s)
    )


def ledger(store: JobStore, person: str = "anna", day: str = "") -> dict[str, int]:
    found = store.redis.hgetall(keys.used(person, day or day_of(store.now_ms())))
    return {name.decode(): int(value) for name, value in found.items()}


# -- GPU time ------------------------------------------------------------------------------------------------------------


def test_an_estimate_is_reserved_and_what_was_measured_is_settled(store, quotas):
    record = send(store, cost_s=2.5)
    reserved = quotas.what_is_left("anna", Limits(gpu_s_per_day=10)).gpu_s_per_day

    claim(store, record.id)
    finish(store, record.id, spent_s=1.25)

    left = quotas.what_is_left("anna", Limits(gpu_s_per_day=10)).gpu_s_per_day
    assert (reserved.used, reserved.left) == (2.5, 7.5)
    assert (left.used, left.left) == (1.25, 8.75)
    assert ledger(store) == {"reserved_ms": 0, "settled_ms": 1250}


def test_what_a_cancelled_job_did_not_use_is_released(store):
    waiting, running = send(store, cost_s=3), send(store, cost_s=3)
    claim(store, running.id)

    store.move(waiting.id, lifecycle.cancel)
    finish(store, running.id, spent_s=0.5, state=State.CANCELLED)

    assert ledger(store) == {"reserved_ms": 0, "settled_ms": 500}


def test_a_lost_attempt_keeps_its_reservation_and_costs_nothing(store):
    record = send(store, cost_s=3)
    claim(store, record.id)

    lose(store, record.id)

    assert ledger(store) == {"reserved_ms": 3000}


def test_a_job_beyond_todays_gpu_time_is_refused_and_told_until_when(store):
    limits = Limits(gpu_s_per_day=5)
    send(store, limits, cost_s=3)

    with pytest.raises(QuotaExhausted) as refused:
        send(store, limits, cost_s=3)

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    said = refused.value.as_dict()
    assert (said["code"], said["limit"], said["used"]) == ("quota_exhausted", 5, 3)
    assert said["resets_at"] == midnight.isoformat(timespec="milliseconds")
    assert 0 < refused.value.retry_after_s <= 86_400
    assert store.counts()["queued"] == 1
    assert send(store, limits, cost_s=2)


def test_of_many_jobs_sent_at_once_only_those_with_room_get_in(store):
    limits = Limits(gpu_s_per_day=3)

    outcomes = at_once(*(lambda: send(store, limits, cost_s=1) for _ in range(8)))

    assert sum(isinstance(outcome, JobRecord) for outcome in outcomes) == 3
    assert ledger(store) == {"reserved_ms": 3000}


def test_a_person_without_gpu_time_sends_no_jobs_whatever_they_cost(store):
    with pytest.raises(QuotaExhausted):
        send(store, Limits(gpu_s_per_day=0))


def test_a_command_is_held_against_no_limit(store):
    assert send(store, Limits(gpu_s_per_day=0, unfinished_jobs=0), kind="unload", params={})


def test_a_repeat_of_what_was_accepted_is_never_refused(store):
    limits, same = Limits(unfinished_jobs=1), Idempotency("key", "hash")
    first, _ = store.create(job(), limits=limits, idempotency=same)

    again, is_new = store.create(job(), limits=limits, idempotency=same)

    assert (again.id, is_new) == (first.id, False)


@pytest.mark.parametrize("days", [0, 1, 58, 59, 60, 365, 789, 10_957, 19_782, 20_453, 47_540])
def test_the_scripts_name_days_as_python_does(store, days):
    prelude = (LUA / "quotas.lua").read_text()
    day_in_lua = store.redis.register_script(prelude + "return day_of(tonumber(ARGV[1]))")

    for ms in (0, 1, 86_399_999):
        assert day_in_lua(args=[days * 86_400_000 + ms]).decode() == day_of(days * 86_400_000 + ms)


def test_a_job_that_ends_after_midnight_is_settled_on_the_day_it_was_sent(store):
    record = send(store, cost_s=3)
    yesterday(store, record.id)
    tomorrow = send(store, Limits(gpu_s_per_day=3), cost_s=3)
    claim(store, record.id)

    finish(store, record.id, spent_s=2)

    assert ledger(store, day="20010101") == {"reserved_ms": 0, "settled_ms": 2000}
    assert ledger(store) == {"reserved_ms": 3000}
    assert tomorrow.state == State.QUEUED


def yesterday(store: JobStore, job_id: str) -> None:
    """As if it had been sent on another day."""
    reserved = int(store.redis.hget(keys.job(job_id), "reserved_ms"))
    today = keys.used("anna", day_of(store.now_ms()))
    store.redis.hset(keys.job(job_id), "quota_day", "20010101")
    store.redis.hincrby(today, "reserved_ms", -reserved)
    if not int(store.redis.hget(today, "reserved_ms")):
        store.redis.delete(today)
    store.redis.hincrby(keys.used("anna", "20010101"), "reserved_ms", reserved)


def test_a_day_that_has_expired_is_not_brought_back_below_zero(store):
    record = send(store, cost_s=3)
    store.redis.delete(keys.used("anna", day_of(store.now_ms())))

    store.move(record.id, lifecycle.cancel)

    assert ledger(store) == {}


# -- unfinished jobs -----------------------------------------------------------------------------------------------------


def test_a_persons_unfinished_jobs_are_limited_and_what_ends_makes_room(store):
    limits = Limits(unfinished_jobs=2)
    first, _ = send(store, limits), send(store, limits)

    with pytest.raises(TooManyOpen) as refused:
        send(store, limits)
    store.move(first.id, lifecycle.cancel)

    said = refused.value.as_dict()
    assert (said["code"], said["limit"], said["used"]) == ("too_many_open", 2, 2)
    assert said["resets_at"]
    assert refused.value.retry_after_s >= 1
    assert send(store, limits)
    assert send(store, limits, caller="bert")


# -- requests ------------------------------------------------------------------------------------------------------------


def test_a_burst_passes_and_what_is_beyond_it_is_told_when_to_come_back(quotas):
    limits = Limits(requests_per_s=2)

    def burst() -> int:
        return sum(1 for _ in iter(lambda: quotas.admit("anna", limits), "never"))

    with pytest.raises(RateLimited) as refused:
        burst()

    assert refused.value.retry_after_s == 1
    assert (refused.value.limit, refused.value.code) == (2, "rate_limited")
    assert refused.value.used == pytest.approx(2, abs=0.2)  # 20 of the 20 that ten seconds bring
    quotas.admit("bert", limits)


def test_a_slow_limit_lets_one_request_in_at_once(quotas):
    limits = Limits(requests_per_s=0.01)
    quotas.admit("anna", limits)

    with pytest.raises(RateLimited) as refused:
        quotas.admit("anna", limits)

    assert 90 < refused.value.retry_after_s <= 100


def test_a_clock_that_went_back_locks_nobody_out(store, quotas):
    store.redis.set(keys.rate("anna", "requests"), (store.now_ms() + 10**9) * 1000)

    with pytest.raises(RateLimited) as refused:
        quotas.admit("anna", Limits(requests_per_s=5))

    assert refused.value.retry_after_s == 1


def test_while_redis_is_away_nobody_is_let_in_unseen():
    away = Quotas(connect("redis://127.0.0.1:1/0", 0.2))

    for ask in (
        lambda: away.admit("anna", Limits(requests_per_s=1)),
        lambda: away.take_in("anna", NO_LIMITS, "img_a", 1),
        lambda: away.what_is_left("anna", NO_LIMITS),
    ):
        with pytest.raises(RedisUnavailable):
            ask()


def test_who_has_no_limit_costs_no_round_trip(store, quotas):
    before = store.redis.info("stats")["total_commands_processed"]

    quotas.admit("anna", Limits())

    assert store.redis.info("stats")["total_commands_processed"] - before == 1  # this look itself


# -- pictures ------------------------------------------------------------------------------------------------------------


def test_uploads_and_results_count_once_each_and_are_given_back_once(store, quotas):
    ours = Limits(stored_mib=3)
    assert quotas.take_in("anna", ours, "img_a", MIB)
    assert not quotas.take_in("anna", ours, "img_a", MIB)
    record = send(store)
    claim(store, record.id)
    finish(store, record.id, 1, images=[{"id": "img_b", "bytes": MIB}, {"id": "img_a", "bytes": MIB}])

    used = quotas.what_is_left("anna", ours).stored_mib.used

    assert used == 2
    assert quotas.storing() == ["anna"]
    assert quotas.let_go("anna", ["img_a", "img_c"]) == MIB
    assert quotas.let_go("anna", ["img_a"]) == 0
    assert quotas.what_is_left("anna", ours).stored_mib.used == 1


def test_a_picture_without_room_is_refused_and_does_not_count(quotas):
    limits = Limits(stored_mib=1)
    quotas.take_in("anna", limits, "img_a", MIB // 2)

    with pytest.raises(StorageFull) as refused:
        quotas.take_in("anna", limits, "img_b", MIB)

    assert (refused.value.limit, refused.value.used) == (1, 0.5)
    assert quotas.what_is_left("anna", limits).stored_mib.used == 0.5


def test_who_has_no_room_sends_no_job_that_makes_pictures_but_may_ask_about_them(store, quotas):
    limits = Limits(stored_mib=1)
    quotas.take_in("anna", limits, "img_a", MIB)

    with pytest.raises(StorageFull):
        send(store, limits)
    assert send(store, limits, kind="analyze", params={})


def test_a_job_that_succeeded_without_pictures_stores_nothing(store, quotas):
    record = send(store)
    claim(store, record.id)
    finish(store, record.id, 1)

    assert quotas.storing() == []


def test_what_left_the_store_is_given_back_to_everybody_it_counted_for_within_a_round(quotas, settings, store):
    artifacts = open_store(settings, store.redis)
    artifacts.check_identity()
    here, gone = artifacts.put(b"here"), artifacts.put(b"gone")
    for person in ("anna", "bert", "caro"):
        quotas.take_in(person, NO_LIMITS, gone, 4)
        quotas.take_in(person, NO_LIMITS, here, 6)
    artifacts.delete(gone)
    counts = PictureCounts(quotas, artifacts)

    freed = [counts.look(at_once=2) for _ in range(4)]

    assert freed == [4, 4, 4, 0]
    assert store.redis.hgetall(keys.STORED) == {b"anna": b"6", b"bert": b"6", b"caro": b"6"}


def test_thousands_of_pictures_are_walked_through_a_part_at_a_time(quotas, settings, store):
    artifacts = open_store(settings, store.redis)
    artifacts.check_identity()
    artifacts.put(b"one that is here")
    for index in range(3000):
        quotas.take_in("anna", NO_LIMITS, id_of(str(index).encode()), 1)
    counts = PictureCounts(quotas, artifacts)

    looks = [counts.look(at_once=1000) for _ in range(5)]

    assert max(looks) < 3000
    assert sum(looks) == 3000
    assert quotas.storing() == []


# -- everything at once --------------------------------------------------------------------------------------------------


class Model:
    """What the ledger must say, kept beside it in the plainest way."""

    def __init__(self) -> None:
        self.reserved: dict[str, tuple[str, int]] = {}
        self.settled: dict[str, int] = {}
        #: A job may take longer than was estimated: by so much, all of them together.
        self.overrun_ms = 0
        self.wrongly_refused = 0

    def sums(self, person: str) -> dict[str, int]:
        return {
            "reserved_ms": sum(ms for who, ms in self.reserved.values() if who == person),
            "settled_ms": self.settled.get(person, 0),
        }


@pytest.mark.parametrize("seed", range(6))
def test_over_random_lives_of_jobs_nothing_leaks_and_nothing_goes_below_zero(store, quotas, seed):
    dice, model = random.Random(seed), Model()
    limits = {"anna": Limits(gpu_s_per_day=40, unfinished_jobs=6), "bert": Limits(gpu_s_per_day=15)}
    live: dict[str, JobRecord] = {}
    for _ in range(250):
        life_goes_on(store, dice, model, limits, live)
        for person in limits:
            found = {"reserved_ms": 0, "settled_ms": 0} | ledger(store, person)
            assert found == model.sums(person)
            assert min(found.values()) >= 0
            assert sum(found.values()) <= limits[person].gpu_s_per_day * 1000 + model.overrun_ms

    assert not model.wrongly_refused
    for job_id in live:
        end_somehow(store, dice, job_id)
    for person in limits:
        assert ledger(store, person).get("reserved_ms", 0) == 0


def life_goes_on(store, dice, model, limits, live) -> None:
    """One random thing happens to one random job, and to the model."""
    deed = dice.choice(["send", "send", "send", "claim", "claim", "lose", "cancel", "end", "fail", "overdue", "again"])
    if deed == "send" or not live:
        person, cost_ms = dice.choice(list(limits)), dice.randrange(0, 5000)
        try:
            record = send(store, limits[person], caller=person, cost_s=cost_ms / 1000, batch_key="")
        except DarkroomError:
            live_jobs = sum(each.caller == person for each in live.values())
            is_full = live_jobs >= (limits[person].unfinished_jobs or 99)
            used_ms, most_ms = sum(model.sums(person).values()), limits[person].gpu_s_per_day * 1000
            model.wrongly_refused += not (is_full or used_ms + cost_ms > most_ms or used_ms >= most_ms)
            return
        live[record.id] = record
        model.reserved[record.id] = (person, cost_ms)
        return
    job_id = dice.choice(list(live))
    took_ms = dice.randrange(0, 6000)
    try:
        now = act(store, deed, job_id, took_ms)
    except DarkroomError:
        return  # not in a state that allows it: then nothing has changed
    if now.is_final and job_id in live:
        person, cost_ms = model.reserved.pop(job_id)
        del live[job_id]
        took = took_ms if deed in ("end", "fail") else round(now.spent_s * 1000)
        model.settled[person] = model.settled.get(person, 0) + took
        model.overrun_ms += max(0, took - cost_ms)


def act(store, deed, job_id, took_ms) -> JobRecord:
    match deed:
        case "claim":
            return claim(store, job_id)
        case "lose":
            return lose(store, job_id)
        case "cancel":
            return store.move(job_id, lifecycle.cancel)
        case "end":
            return finish(store, job_id, took_ms / 1000)
        case "fail":
            return finish(store, job_id, took_ms / 1000, State.FAILED)
        case "overdue":
            return store.move(
                job_id,
                lambda j, now: lifecycle.overdue(j.model_copy(update={"deadline_at_ms": 1}), now),
            )
    return store.get(job_id)


def end_somehow(store, dice, job_id) -> None:
    """Whatever state it is in, it ends."""
    if dice.random() < 0.5 and store.get(job_id).state == State.QUEUED:
        claim(store, job_id)
    if store.get(job_id).state == State.RUNNING:
        finish(store, job_id, dice.random())
    else:
        store.move(job_id, lifecycle.cancel)


def test_pictures_that_stay_count_for_longer_than_the_last_one_that_came(store, quotas):
    quotas.take_in("anna", NO_LIMITS, "img_" + "0" * 32, 5)
    for key in (keys.pictures("anna"), keys.STORED):
        store.redis.expire(key, 60)

    quotas.counted("anna")

    assert all(store.redis.ttl(key) > 86_400 for key in (keys.pictures("anna"), keys.STORED))
