"""Whose turn it is, in a real Valkey: the scripts do what `fair_share` says, and nothing stands in a share that should not."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Reason, State
from shared.jobs import lifecycle
from shared.jobs.codec import encode
from shared.jobs.fair_share import PATIENCE, Sharer, Tags, next_of
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.redis import keys
from shared.redis.client import connect
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings
from tests.integration.jobs import at_once, claim, end, is_moved, lose, lose_answers, made
from tests.rig import wait_for

TAGS, JOBS, IDLE, CLOCK = (f"{keys.PREFIX}share:{name}" for name in ("tags", "jobs", "idle", "clock"))
MAX_WAIT_S = 30.0


class NoEstimate:
    """In place of the store's: jobs cost what the test says."""

    def costed(self, record: JobRecord) -> JobRecord:
        return record


def store_at(url: str) -> JobStore:
    made_one = JobStore(connect(url, 5), Settings(redis_url=url))
    made_one._estimates = NoEstimate()
    return made_one


@pytest.fixture
def store(redis_url: str) -> JobStore:
    return store_at(redis_url)


@pytest.fixture
def shares(store: JobStore) -> Shares:
    return Shares(store, MAX_WAIT_S)


def taking(token: str = "pen", worker: str = "w1") -> Any:
    return lambda record, now_ms: lifecycle.claim(record, now_ms, worker=worker, gpu="cpu", token=token)


def take(shares: Shares, queue: str = "m.normal") -> JobRecord:
    taken = shares.claim_next(queue, taking(uuid.uuid4().hex))
    assert taken is not None
    return taken


def finish(store: JobStore, record: JobRecord, spent_s: float) -> JobRecord:
    return store.move(
        record.id,
        lambda j, now: lifecycle.end(j, now, token=record.token, state=State.SUCCEEDED, result={}, spent_s=spent_s),
    )


def tags_in(store: JobStore) -> Tags:
    active = {person.decode(): tag for person, tag in store.redis.zrange(TAGS, 0, -1, withscores=True)}
    idle = {person.decode(): float(tag) for person, tag in store.redis.hgetall(IDLE).items()}
    return Tags(float(store.redis.get(CLOCK) or 0), active, idle)


def sharers_in(store: JobStore, queue: str) -> list[Sharer]:
    tags = tags_in(store)
    rows = store.redis.zrange(keys.sharers(queue), 0, -1, withscores=True)
    return [Sharer(person.decode(), tags.of(person.decode()), since) for person, since in rows]


# -- the scripts and the policy ------------------------------------------------------------------------------------------


@dataclass
class Played:
    """What the policy says, beside what the scripts did."""

    tags: Tags = field(default_factory=Tags)
    live: dict[str, JobRecord] = field(default_factory=dict)

    def ready(self, record: JobRecord) -> bool:
        return record.state == State.QUEUED and not record.held

    def people(self) -> set[str]:
        return {record.caller for record in self.live.values() if self.ready(record)}

    def follow(self, record: JobRecord) -> None:
        """A job is now as `record` says."""
        before = self.people()
        self.live[record.id] = record
        for person in self.people() - before:
            self.tags = self.tags.woken(person)
        for person in before - self.people():
            self.tags = self.tags.rested(person)


PEOPLE = st.sampled_from(["anna", "ben", "carl", "dora"])
WEIGHTS = {"anna": 1.0, "ben": 3.0, "carl": 0.25, "dora": 1.0}
QUEUES = st.sampled_from(["m.normal", "m.low", "other.normal"])


class ScriptsAndPolicy(RuleBasedStateMachine):
    """Any order of moves: the same job is next, and everybody stands where the policy says."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.store = store_at(self.url)
        self.store.redis.flushall()
        self.shares = Shares(self.store, MAX_WAIT_S)
        self.played = Played()

    def some(self, state: State, pick: int) -> JobRecord | None:
        found = sorted(
            (record for record in self.played.live.values() if record.state == state), key=lambda record: record.order
        )
        return found[pick % len(found)] if found else None

    @rule(person=PEOPLE, queue=QUEUES, cost_s=st.sampled_from([0.0, 0.5, 7.0, 1000.0]))
    def comes(self, person: str, queue: str, cost_s: float) -> None:
        self.played.follow(
            made(self.store, caller=person, queue=queue, cost_s=cost_s, weight=WEIGHTS[person], batch_key=queue[0])
        )

    @rule(queue=QUEUES)
    def starts(self, queue: str) -> None:
        expected = next_of(sharers_in(self.store, queue), self.store.now_ms(), MAX_WAIT_S)

        taken = self.shares.claim_next(queue, taking(uuid.uuid4().hex))

        assert (taken and taken.caller) == (expected and expected.person)
        if taken is not None:
            own = [
                j
                for j in self.played.live.values()
                if self.played.ready(j) and (j.caller, j.queue) == (taken.caller, queue)
            ]
            assert taken.id == min(own, key=lambda j: (j.rank or j.order, j.id)).id
            self.played.tags = self.played.tags.charged(taken.caller, taken.cost_s, taken.weight)
            self.played.follow(taken)

    @rule(pick=st.integers(0, 50), spent_s=st.sampled_from([0.1, 3.0, 400.0]))
    def ends(self, pick: int, spent_s: float) -> None:
        if record := self.some(State.RUNNING, pick):
            self.played.tags = self.played.tags.settled(record.caller, record.cost_s, spent_s, record.weight)
            self.played.follow(finish(self.store, record, spent_s))

    @rule(pick=st.integers(0, 50))
    def is_lost(self, pick: int) -> None:
        if record := self.some(State.RUNNING, pick):
            self.played.tags = self.played.tags.settled(record.caller, record.cost_s, 0.0, record.weight)
            self.played.follow(lose(self.store, record.id))

    @rule(
        pick=st.integers(0, 50),
        what=st.sampled_from([lifecycle.hold, lifecycle.unhold, lifecycle.to_front, lifecycle.cancel]),
    )
    def is_handled(self, pick: int, what: Any) -> None:
        if record := self.some(State.QUEUED, pick):
            self.played.follow(self.store.move(record.id, what))

    @rule(pick=st.integers(0, 50), priority=st.sampled_from(list(Priority)))
    def gets_another_priority(self, pick: int, priority: Priority) -> None:
        if record := self.some(State.QUEUED, pick):
            self.played.follow(
                self.store.move(record.id, lambda j, now: lifecycle.reprioritise(j, now, priority=priority))
            )

    @precondition(lambda self: self.played.live)
    @invariant()
    def everybody_stands_where_the_policy_says(self) -> None:
        told, said = tags_in(self.store), self.played.tags
        assert told.active == pytest.approx(dict(said.active))
        assert told.clock == pytest.approx(said.clock)
        for person in WEIGHTS:
            assert told.of(person) == pytest.approx(said.of(person))

    @invariant()
    def exactly_the_ready_jobs_can_be_taken(self) -> None:
        ready = {record.id for record in self.played.live.values() if self.played.ready(record)}
        found = set()
        for key in self.store.redis.scan_iter(f"{keys.PREFIX}ready:queue:*"):
            found |= {job_id.decode() for job_id in self.store.redis.zrange(key, 0, -1)}
        assert found == ready
        counted = {person.decode(): int(n) for person, n in self.store.redis.hgetall(JOBS).items()}
        callers = [record.caller for record in self.played.live.values() if self.played.ready(record)]
        assert counted == {person: callers.count(person) for person in callers}


def test_whatever_comes_the_scripts_choose_and_charge_as_the_policy_does(valkey: EmbeddedRedis):
    class Machine(ScriptsAndPolicy):
        url = valkey.url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_old_debts_are_forgotten_as_the_policy_says(store, shares):
    """`x` works alone in a queue of its own; `y` and `z` wait in another, at different tags."""
    played = Tags()
    for person in ("y", "z"):
        made(store, caller=person, cost_s=0.0)
        played = played.woken(person)
    made(store, caller="z", cost_s=7.0)
    store.redis.zadd(TAGS, {"z": 7.0})
    played = replace(played, active={**played.active, "z": 7.0})
    for _ in range(11):
        made(store, caller="x", queue="other.normal", cost_s=100.0)
    played = played.woken("x")

    seen = []
    for _ in range(10):
        take(shares, "other.normal")
        played = played.charged("x", 100.0, 1.0)
        seen.append(dict(tags_in(store).active))
        assert seen[-1] == pytest.approx(dict(played.active))

    assert seen[-1]["x"] - seen[-1]["z"] < 1000
    assert {round(tags["z"] - tags["y"], 6) for tags in seen} == {7.0}


def test_who_has_nothing_left_is_settled_from_where_they_stood_as_the_policy_says(store, shares):
    made(store, caller="anna", cost_s=5.0)
    anna = take(shares)
    for _ in range(4):
        made(store, caller="ben", cost_s=4.0)
    for _ in range(4):
        take(shares)
    assert tags_in(store).clock > 5.0

    finish(store, anna, 30.0)

    assert tags_in(store).of("anna") == pytest.approx(30.0)


# -- whose turn it is ----------------------------------------------------------------------------------------------------


def test_a_person_with_three_jobs_does_not_wait_for_one_with_hundreds(store, shares):
    for _ in range(200):
        made(store, caller="many", cost_s=5.0)
    take(shares)
    for _ in range(3):
        made(store, caller="few", cost_s=5.0)

    taken = [take(shares).caller for _ in range(6)]

    assert taken.count("few") == 3


def test_gpu_seconds_are_shared_by_weight_and_not_jobs(store, shares):
    for _ in range(60):
        made(store, caller="heavy", cost_s=4.0, weight=2.0)
        made(store, caller="light", cost_s=1.0, weight=1.0)
    spent = {"heavy": 0.0, "light": 0.0}

    for _ in range(60):
        record = take(shares)
        spent[record.caller] += record.cost_s

    assert spent["heavy"] / spent["light"] == pytest.approx(2.0, rel=0.1)


def test_what_a_person_gets_in_one_queue_counts_in_every_other(store, shares):
    made(store, caller="anna", queue="other.normal", cost_s=10.0)
    take(shares, "other.normal")
    anna = made(store, caller="anna", cost_s=1.0)
    ben = made(store, caller="ben", cost_s=1.0)

    assert [take(shares).id, take(shares).id] == [ben.id, anna.id]


def test_what_was_measured_counts_and_not_what_was_expected(store, shares):
    for _ in range(5):
        made(store, caller="cheap", cost_s=10.0)
        made(store, caller="dear", cost_s=1.0)
    first, second = take(shares), take(shares)
    finish(store, first, 1.0 if first.caller == "cheap" else 30.0)
    finish(store, second, 1.0 if second.caller == "cheap" else 30.0)

    assert take(shares).caller == "cheap"


def test_who_loses_a_worker_is_paid_back_and_keeps_the_place(store, shares):
    made(store, caller="ben", cost_s=20.0)
    take(shares)
    first = made(store, caller="anna", cost_s=50.0)
    made(store, caller="anna", cost_s=1.0)
    made(store, caller="ben", cost_s=1.0)
    taken = take(shares)

    lose(store, taken.id)

    assert (taken.id, take(shares).id) == (first.id, first.id)


def test_a_deadline_that_passes_does_not_make_work_free(store, shares):
    made(store, caller="anna", cost_s=2.0)
    taken = take(shares)
    store.redis.hset(keys.job(taken.id), "deadline_at_ms", store.now_ms() + 50)
    wait_for(lambda: store.now_ms() > store.get(taken.id).deadline_at_ms, 60, "the deadline")

    ended = store.move(taken.id, lifecycle.overdue)

    assert ended.spent_s > 0
    assert tags_in(store).of("anna") == pytest.approx(ended.spent_s)


def test_somebody_who_was_passed_over_for_very_long_goes_first_once(store, shares):
    for person in ("anna", "ben"):
        made(store, caller=person, cost_s=1.0)
        made(store, caller=person, cost_s=1.0)
    store.redis.zadd(TAGS, {"ben": 250.0})
    long_ago = store.now_ms() - PATIENCE * MAX_WAIT_S * 1000 * 2 - 1
    store.redis.zadd(keys.sharers("m.normal"), {"ben": long_ago})

    assert [take(shares).caller for _ in range(3)] == ["ben", "anna", "anna"]


# -- the queue in hand ---------------------------------------------------------------------------------------------------


def test_a_held_job_is_not_taken_and_runs_once_it_is_released(store, shares):
    held, other = made(store), made(store)
    store.move(held.id, lifecycle.hold)

    taken = take(shares)
    nothing = shares.claim_next("m.normal", taking())
    store.move(held.id, lifecycle.unhold)

    assert (taken.id, nothing, take(shares).id) == (other.id, None, held.id)


def test_a_job_that_waits_for_a_step_before_it_stays_held_when_it_is_released(store, shares):
    waiting = made(store, state=State.WAITING)
    store.move(waiting.id, lifecycle.hold)

    store.move(waiting.id, lifecycle.release)

    assert shares.claim_next("m.normal", taking()) is None
    assert not shares.has_ready("m.normal")


def test_the_front_is_the_front_of_ones_own_share(store, shares):
    mine = [made(store, caller="anna", cost_s=1.0) for _ in range(3)]
    theirs = made(store, caller="ben", cost_s=1.0)
    store.move(mine[1].id, lifecycle.to_front)
    wait_for(lambda: store.now_ms() > -store.get(mine[1].id).rank, 2, "a later millisecond")
    store.move(mine[2].id, lifecycle.to_front)

    assert [take(shares).id for _ in range(4)] == [mine[2].id, theirs.id, mine[1].id, mine[0].id]


def test_an_operator_moves_a_job_before_everybodys_and_its_owner_pays(store, shares):
    for person in ("anna", "ben"):
        made(store, caller=person, cost_s=5.0)
    last = made(store, caller="anna", cost_s=5.0)
    store.move(last.id, lambda j, now: lifecycle.to_front(j, now, of_all=True))

    taken = [take(shares) for _ in range(2)]

    assert [taken[0].id, taken[1].caller] == [last.id, "ben"]


def test_commands_go_first_in_their_order_and_cost_nobody_anything(redis_url):
    store = JobStore(connect(redis_url, 5), Settings(redis_url=redis_url))
    shares = Shares(store, MAX_WAIT_S)
    step = made(store, kind="analyze", queue="@w1.high", params={})
    commands = [made(store, kind="unload", model="*", queue="@w1.high", params={}, batch_key="") for _ in range(2)]

    taken = [take(shares, "@w1.high").id for _ in range(3)]

    assert taken == [commands[0].id, commands[1].id, step.id]


def test_another_priority_is_another_queue(store, shares):
    record = made(store)

    moved = store.move(record.id, lambda j, now: lifecycle.reprioritise(j, now, priority=Priority.HIGH))

    assert (moved.queue, shares.claim_next("m.normal", taking())) == ("m.high", None)
    assert take(shares, "m.high").id == record.id


# -- pauses, peers, races ------------------------------------------------------------------------------------------------


def test_a_job_that_pauses_before_another_try_is_nobodys_turn_until_it_is_due(store, shares):
    record = take(shares) if made(store) else None
    store.move(
        record.id,
        lambda j, now: lifecycle.give_back(j, now, token=record.token, reason=Reason.RETRIED, not_before_ms=now + 100),
    )

    during = shares.claim_next("m.normal", taking())
    told = wait_for(shares.due, 60, "the end of its pause")

    shares.due_told(told)

    assert (during, [*told], shares.due()) == (None, [record.id], {})
    assert take(shares).id == record.id


def test_a_held_job_whose_pause_is_over_stays_held(store, shares):
    made(store)
    record = take(shares)
    store.move(
        record.id,
        lambda j, now: lifecycle.give_back(j, now, token=record.token, reason=Reason.RETRIED, not_before_ms=now + 50),
    )
    store.move(record.id, lifecycle.hold)

    wait_for(lambda: store.now_ms() > store.get(record.id).not_before_ms, 60, "the end of its pause")
    shares.due()

    assert shares.claim_next("m.normal", taking()) is None


def test_a_job_that_is_due_is_told_until_that_has_arrived_and_again_when_it_pauses_anew(store, shares):
    made(store)
    pausing(store, take(shares), 50)
    told = wait_for(shares.due, 60, "the end of its pause")
    again = shares.due()
    pausing(store, take(shares), 50)

    shares.due_told(told)

    assert again == told
    assert [*wait_for(shares.due, 60, "the end of its second pause")] == [*told]


def pausing(store: JobStore, record: JobRecord, pause_ms: int) -> None:
    store.move(
        record.id,
        lambda j, now: lifecycle.give_back(
            j, now, token=record.token, reason=Reason.RETRIED, not_before_ms=now + pause_ms
        ),
    )


def test_seats_in_a_gpu_batch_are_shared_as_turns_are(store, shares):
    many = [made(store, caller="many", cost_s=2.0) for _ in range(6)]
    few = [made(store, caller="few", cost_s=2.0) for _ in range(2)]
    first = take(shares)

    seats = shares.peers("m:shape", 5)

    assert first.id == many[0].id
    assert seats == [few[0].id, many[1].id, few[1].id, many[2].id, many[3].id] or seats == [
        few[0].id,
        few[1].id,
        many[1].id,
        many[2].id,
        many[3].id,
    ]
    for seat in seats[:2]:
        claim(store, seat, token=seat)
    assert tags_in(store).of("few") > 0


def test_held_jobs_and_second_attempts_are_nobodys_peers(store, shares):
    held, again, alone = made(store), made(store), made(store)
    store.move(held.id, lifecycle.hold)
    claim(store, again.id)
    lose(store, again.id)

    assert shares.peers("m:shape", 10) == [alone.id]


def test_many_workers_that_take_at_once_get_a_job_each(store):
    ids = {made(store, caller=f"p{n % 3}").id for n in range(12)}
    shares = Shares(store, MAX_WAIT_S)

    taken = at_once(*(lambda n=n: shares.claim_next("m.normal", taking(str(n), f"w{n}")) for n in range(12)))

    assert {record.id for record in taken} == ids


def test_a_claim_whose_answer_was_lost_has_the_job_it_took_and_takes_no_second_one(store, shares, monkeypatch):
    first, second = made(store), made(store)
    lost = lose_answers(monkeypatch, is_moved)

    taken = take(shares)

    assert lost() == 1
    assert (taken.id, taken.state) == (first.id, State.RUNNING)
    assert store.get(first.id) == taken.model_copy(update=live_fields(store, first.id))
    assert store.get(second.id).state == State.QUEUED


def live_fields(store: JobStore, job_id: str) -> dict[str, int]:
    """What the script writes by its own clock."""
    record = store.get(job_id)
    return {"lease_until_ms": record.lease_until_ms, "beat_at_ms": record.beat_at_ms}


# -- places --------------------------------------------------------------------------------------------------------------


def test_positions_count_higher_priorities_and_whose_turn_comes_before(store, shares):
    first, second = made(store), made(store)
    urgent = made(store, queue="m.high", priority="high")
    foreign = made(store, queue="other.normal", model="other")

    assert shares.positions([urgent, first, second, foreign]) == [0, 1, 2, 0]


def test_a_newcomers_place_is_not_behind_somebody_elses_hundreds(store, shares):
    many = [made(store, caller="many", cost_s=2.0) for _ in range(100)]
    take(shares)
    few = [made(store, caller="few", cost_s=2.0) for _ in range(2)]

    places = shares.positions([*few, many[1], many[99]])

    assert places[0] == 0
    assert places[1] <= 3
    assert 1 <= places[2] <= 2
    assert places[3] == 100


def test_the_place_that_is_told_is_the_place_that_comes_about(store, shares):
    records = [made(store, caller=f"p{n % 3}", cost_s=1.0 + n % 3, weight=1.0 + n % 2) for n in range(12)]
    for tag, person in enumerate(("p0", "p1", "p2")):
        store.redis.zadd(TAGS, {person: 0.3 + 0.4 * tag})
    probe = records[7]
    told = shares.positions([probe])[0]

    order = [take(shares).id for _ in range(12)]

    assert order.index(probe.id) == pytest.approx(told, abs=1)


def test_what_is_nobodys_turn_has_no_position_and_counts_in_nobodys(store, shares):
    held, pausing, other = made(store, caller="a"), made(store, caller="a"), made(store, caller="a")
    command = made(store, caller="b", ahead=True)
    store.move(held.id, lifecycle.hold)
    claim(store, pausing.id)
    store.move(
        pausing.id,
        lambda j, now: lifecycle.give_back(j, now, token="pen", reason=Reason.RETRIED, not_before_ms=now + 60_000),
    )

    found = shares.positions([store.get(record.id) for record in (held, pausing, other, command)])

    assert found == [None, None, 1, 0]


# -- records from before the shares --------------------------------------------------------------------------------------


def as_before(store: JobStore, record: JobRecord) -> None:
    """Make a queued job look as a version without shares left it."""
    lists = [*store.redis.scan_iter(f"{keys.PREFIX}ready:*"), *store.redis.scan_iter(f"{keys.PREFIX}sharers:*")]
    for key in lists:
        store.redis.zrem(key, record.id)
    store.redis.delete(*lists, TAGS, JOBS, IDLE, CLOCK)
    new = ("cost_s", "weight", "spent_s", "held", "rank", "ahead")
    assert set(new) <= set(encode(record))
    store.redis.hdel(keys.job(record.id), *new)
    store.redis.zadd(f"{keys.PREFIX}peers:{record.batch_key}", {record.id: record.order})


def test_jobs_of_before_there_were_shares_are_found_and_can_be_taken(store, shares):
    old = [made(store) for _ in range(3)]
    for record in old:
        as_before(store, record)
    nothing = shares.claim_next("m.normal", taking())

    assert (nothing, shares.heal("m.normal", 0), shares.heal("m.normal", 0)) == (None, (3, 3), (3, 0))

    assert {take(shares).id for _ in range(3)} == {record.id for record in old}
    assert not store.redis.exists(f"{keys.PREFIX}peers:m:shape")
    assert not store.redis.exists(TAGS)


def test_healing_leaves_held_and_pausing_jobs_alone(store, shares):
    made(store)
    pausing = take(shares)
    store.move(
        pausing.id,
        lambda j, now: lifecycle.give_back(
            j, now, token=pausing.token, reason=Reason.RETRIED, not_before_ms=now + 60_000
        ),
    )
    held = made(store)
    store.move(held.id, lifecycle.hold)

    assert shares.heal("m.normal", 0) == (2, 0)


def test_what_an_older_worker_took_without_knowing_of_shares_is_passed_over(store, shares):
    taken, other = made(store, caller="anna"), made(store, caller="ben")
    store.redis.hset(keys.job(taken.id), mapping={"state": "running", "token": "old"})

    assert take(shares).id == other.id
    assert shares.claim_next("m.normal", taking()) is None
    assert not store.redis.exists(JOBS)


def test_a_record_that_expired_while_it_waited_is_passed_over(store, shares):
    gone, other = made(store), made(store)
    store.redis.delete(keys.job(gone.id))

    assert take(shares).id == other.id


def test_all_that_is_kept_of_shares_expires(store, shares):
    made(store, caller="anna")
    made(store, caller="ben", cost_s=3.0)
    end(store, take(shares).id, token=store.get(store.ids_between(State.RUNNING, 0, 0)[0]).token)
    take(shares)

    kept = [key.decode() for key in store.redis.scan_iter(f"{keys.PREFIX}*") if b":jobs" not in key]
    assert [key for key in kept if store.redis.ttl(key) < 0] == []
