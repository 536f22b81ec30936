"""Who wins when several want the same job in the same moment: one defined outcome each, over a real Valkey."""

import pytest

from shared.contracts.jobs import JobRecord, Progress, State
from shared.errors import Busy, Fenced, IllegalMove
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.redis.client import connect
from shared.settings import Settings
from tests.integration.jobs import at_once, claim, end, lose, made


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return JobStore(connect(settings.required_redis_url(), 5), settings)


def test_of_many_workers_that_claim_one_job_one_gets_it(store):
    record = made(store)

    outcomes = at_once(*(lambda n=n: claim(store, record.id, token=f"t{n}", worker=f"w{n}") for n in range(8)))

    winners = [outcome for outcome in outcomes if isinstance(outcome, JobRecord)]
    assert len(winners) == 1
    assert all(isinstance(outcome, Busy) for outcome in outcomes if outcome not in winners)
    assert store.get(record.id).attempt == 1
    assert store.held_by(winners[0].worker) == {record.id: winners[0].token}


@pytest.mark.parametrize("_", range(6))
def test_cancel_against_claim_either_never_runs_or_is_asked_to_stop(store, _):
    record = made(store)

    cancelled, claimed = at_once(lambda: store.move(record.id, lifecycle.cancel), lambda: claim(store, record.id))

    now = store.get(record.id)
    if isinstance(claimed, IllegalMove):
        assert (now.state, now.attempt, cancelled.state) == (State.CANCELLED, 0, State.CANCELLED)
    else:
        assert (now.state, now.cancel_requested) == (State.RUNNING, True)
        assert store.beat(record.id, "pen", Progress()) == "cancel"


@pytest.mark.parametrize("_", range(6))
def test_cancel_against_finish_whoever_is_first_wins_and_both_are_told_the_same(store, _):
    record = claim(store, made(store).id)

    cancelled, ended = at_once(lambda: store.move(record.id, lifecycle.cancel), lambda: end(store, record.id))

    now = store.get(record.id)
    assert now.state == ended.state
    assert (now.result is not None) == (now.state == State.SUCCEEDED)
    assert (cancelled.state == State.SUCCEEDED) == (now.state == State.SUCCEEDED)


@pytest.mark.parametrize("_", range(6))
def test_cancel_against_recovery_never_runs_it_again(store, _):
    record = claim(store, made(store).id)

    at_once(lambda: store.move(record.id, lifecycle.cancel), lambda: lose(store, record.id))

    now = store.get(record.id)
    assert now.state == State.CANCELLED
    assert store.queued_in(record.queue, None) == []


@pytest.mark.parametrize("_", range(6))
def test_finish_against_recovery_gives_one_result_or_a_refused_one(store, _):
    record = claim(store, made(store).id)

    ended, lost = at_once(lambda: end(store, record.id), lambda: lose(store, record.id))

    now = store.get(record.id)
    if isinstance(ended, Fenced):
        assert (now.state, now.result) == (State.QUEUED, None)
    else:
        assert isinstance(lost, IllegalMove)
        assert now.state == State.SUCCEEDED


def test_the_late_result_of_an_earlier_claim_is_refused(store):
    record = made(store)
    claim(store, record.id, token="old")
    lose(store, record.id)
    claim(store, record.id, token="new", worker="w2")

    with pytest.raises(Fenced):
        end(store, record.id, token="old")

    assert store.beat(record.id, "old", Progress()) == "fenced"
    assert end(store, record.id, token="new").result == {"images": [{"id": "new"}]}


def test_many_moves_at_once_keep_every_index_in_step(store):
    records = [made(store) for _ in range(20)]

    def fate(index: int) -> None:
        claim(store, records[index].id, token=str(index))
        if index % 3 == 0:
            lose(store, records[index].id)
        elif index % 3 == 1:
            end(store, records[index].id, token=str(index))
        else:
            store.move(records[index].id, lifecycle.cancel)

    at_once(*(lambda n=n: fate(n) for n in range(20)))

    found = [store.get(record.id) for record in records]
    for state in State:
        assert set(store.ids_between(state, 0, -1)) == {record.id for record in found if record.state == state}
    assert set(store.queued_in(records[0].queue, None)) == {r.id for r in found if r.state == State.QUEUED}
    assert set(store.held_by("w1")) == {r.id for r in found if r.state == State.RUNNING}
    # What lost a worker runs alone: it is nobody's peer.
    assert Shares(store, 30).peers("m:shape", 100) == []
