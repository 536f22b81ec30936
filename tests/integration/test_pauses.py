"""A person pauses everything of theirs: nothing starts, whatever races with it, and everything goes on as it was."""

import pytest

from shared.contracts.jobs import JobRecord, State
from shared.errors import Busy
from shared.jobs import lifecycle
from shared.jobs.pauses import Pauses
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.redis import keys
from shared.redis.client import connect
from shared.settings import Settings
from tests.integration.jobs import at_once, claim, job, lose, lose_answers, made

QUEUE = "m.normal"


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return JobStore(connect(settings.required_redis_url(), 5), settings)


@pytest.fixture
def pauses(store: JobStore) -> Pauses:
    return Pauses(store)


@pytest.fixture
def shares(store: JobStore) -> Shares:
    return Shares(store, 30)


def take(shares: Shares, token: str = "pen") -> JobRecord | None:
    return shares.claim_next(QUEUE, lambda j, now: lifecycle.claim(j, now, worker="w1", gpu="cpu", token=token))


def test_nothing_of_a_paused_person_is_taken_and_others_jobs_are(store, pauses, shares):
    mine, theirs = made(store), made(store, caller="bert")

    pauses.pause("anna")

    assert pauses.is_paused("anna")
    assert (store.get(mine.id).held, store.get(theirs.id).held) == (True, False)
    assert take(shares).id == theirs.id
    assert take(shares) is None
    assert shares.peers("m:shape", 10) == []
    with pytest.raises(Busy, match="held"):
        claim(store, mine.id)


def test_what_is_sent_meanwhile_waits_too(store, pauses, shares):
    pauses.pause("anna")

    sent = made(store)

    assert (sent.state, sent.held) == (State.QUEUED, True)
    assert take(shares) is None


def test_everything_goes_on_in_its_order_and_is_told_so_that_it_gets_tickets(store, pauses, shares):
    first = made(store)
    pauses.pause("anna")
    second = made(store)

    free = pauses.go_on("anna")

    assert free == [(first.id, QUEUE), (second.id, QUEUE)]
    assert not pauses.is_paused("anna")
    assert [take(shares, str(n)).id for n in range(2)] == [first.id, second.id]


def test_what_goes_on_is_told_although_that_answer_was_lost(store, pauses, monkeypatch):
    first = made(store)
    pauses.pause("anna")
    lost = lose_answers(monkeypatch, lambda answer: isinstance(answer, list) and QUEUE.encode() in answer)

    free = pauses.go_on("anna")

    assert lost() == 1
    assert free == [(first.id, QUEUE)]
    assert pauses.go_on("anna") == []


def test_what_was_held_by_itself_stays_held(store, pauses, shares):
    held, free = made(store), made(store)
    store.move(held.id, lifecycle.hold)
    pauses.pause("anna")

    told = pauses.go_on("anna")

    assert told == [(free.id, QUEUE)]
    assert store.get(held.id).held


def test_what_runs_runs_on_and_waits_with_the_rest_once_its_worker_is_lost(store, pauses, shares):
    running = claim(store, made(store).id)
    pauses.pause("anna")

    lost = lose(store, running.id)

    assert (lost.state, lost.held) == (State.QUEUED, True)
    assert take(shares) is None
    pauses.go_on("anna")
    assert take(shares).id == running.id


def test_a_paused_step_of_a_chain_is_released_into_the_pause(store, pauses, shares):
    step = made(store, state=State.WAITING, previous_id="job_0")
    pauses.pause("anna")

    queued = store.move(step.id, lifecycle.release)

    assert queued.held
    assert take(shares) is None
    assert pauses.go_on("anna") == [(step.id, QUEUE)]


def test_commands_are_nobodys_own_and_go_on(store, pauses, shares):
    pauses.pause("anna")

    command = made(store, kind="unload", batch_key="")

    assert not command.held
    assert take(shares).id == command.id


def test_a_held_job_keeps_its_deadline(store, pauses):
    record, _ = store.create(job(), deadline_s=0.001)
    pauses.pause("anna")

    assert store.past_deadline() == [record.id]
    assert store.move(record.id, lifecycle.overdue).error.code == "deadline_exceeded"


def test_pausing_twice_does_what_a_process_that_died_in_between_left(store, pauses, shares):
    jobs = [made(store) for _ in range(3)]
    store.redis.sadd(keys.PAUSED_PEOPLE, "anna")  # and then it died

    pauses.pause("anna")

    assert all(store.get(job.id).held for job in jobs)


def test_more_jobs_than_one_call_follows_are_all_held_and_all_let_go(store, pauses, shares):
    store.create_many([job() for _ in range(1203)])

    pauses.pause("anna")
    held = take(shares)
    free = pauses.go_on("anna")

    assert held is None
    assert len(free) == 1203
    assert take(shares) is not None


@pytest.mark.parametrize("_", range(8))
def test_a_pause_against_a_claim_either_starts_before_it_or_not_at_all(store, pauses, shares, _):
    record = made(store)

    _paused, taken = at_once(lambda: pauses.pause("anna"), lambda: take(shares))

    now = store.get(record.id)
    if isinstance(taken, JobRecord):
        assert (now.state, now.token) == (State.RUNNING, "pen")
    else:
        assert (now.state, now.held) == (State.QUEUED, True)
    assert take(shares, "later") is None


@pytest.mark.parametrize("_", range(8))
def test_a_pause_and_its_end_that_cross_end_as_the_flag_says(store, pauses, shares, _):
    jobs = [made(store) for _ in range(5)]

    at_once(lambda: pauses.pause("anna"), lambda: pauses.go_on("anna"), lambda: made(store))

    is_paused = pauses.is_paused("anna")
    ids = [*(job.id for job in jobs), *store.ids_between(State.QUEUED, 0, -1)]
    assert {store.get(job_id).held for job_id in ids} == {is_paused}
    assert (take(shares) is None) == is_paused
