"""A batch whose person has no room waits and says so; it fails nobody, and goes on by itself."""

import pytest

from shared.accounts.audit import Actor
from shared.contracts.access import Limits, Person
from shared.contracts.jobs import State
from shared.jobs.estimates import Estimates
from shared.redis import keys
from tests.batches_played import REMIX, STEP, feeder, look, queued, run_all, run_one, start

ME = Actor("local")
CHAIN = [STEP, REMIX | {"prompt": "as a painting"}]


@pytest.fixture
def person(services):
    """The caller of these tests is a person with limits; they may be changed."""
    people = services.people
    people.add(Person(name="local"), ME)

    def limited(**limits) -> None:
        unset = dict.fromkeys(Limits.model_fields)
        people.change("local", {}, unset | limits, ME)

    return limited


def cost(seconds: float, monkeypatch) -> None:
    """Every job is expected to take so long."""
    monkeypatch.setattr(Estimates, "costed", lambda self, record: record.model_copy(update={"cost_s": seconds}))


def test_members_wait_while_their_person_has_enough_under_way_and_go_on_as_those_end(web, services, person):
    person(unfinished_jobs=2)
    batch = start(web, prompts=["a", "b", "c", "d"])
    ours = feeder(services)

    ours.feed_once()
    full = look(web, batch)
    for _ in range(4):
        run_one(services, queued(services)[0].id)
        ours.feed_once()

    assert full["counts"] | {"waiting": 2, "active": 2} == full["counts"]
    assert full["waits"]["code"] == "your_limit"
    assert "unfinished" in full["waits"]["message"]
    done = look(web, batch)
    assert (done["state"], done["counts"]["succeeded"], done["waits"]) == ("finished", 4, None)


def test_a_chain_takes_room_for_all_its_steps_or_none_and_never_half(web, services, person):
    person(unfinished_jobs=3)
    batch = start(web, prompts=["a", "b"], steps=CHAIN)
    ours = feeder(services)

    ours.feed_once()

    assert look(web, batch)["jobs"] | {"queued": 1, "waiting": 1} == look(web, batch)["jobs"]
    run_all(services)
    assert look(web, batch)["counts"]["succeeded"] == 2


def test_without_gpu_time_members_wait_and_more_of_it_lets_them_go_on(web, services, person, monkeypatch):
    cost(10, monkeypatch)
    person(gpu_s_per_day=25)
    batch = start(web, prompts=["a", "b", "c"])
    ours = feeder(services)
    ours.feed_once()
    waiting = look(web, batch)

    person(gpu_s_per_day=100)
    ours.feed_once()

    assert waiting["counts"] | {"waiting": 1, "active": 2} == waiting["counts"]
    assert "midnight" in waiting["waits"]["message"]
    assert look(web, batch)["counts"]["active"] == 3
    assert look(web, batch)["waits"] is None


def test_a_limit_that_shrinks_acts_on_what_is_made_from_then_on(web, services, person):
    batch = start(web, prompts=["a", "b", "c"])
    person(unfinished_jobs=0)

    feeder(services).feed_once()

    assert look(web, batch)["counts"] | {"waiting": 3, "active": 0, "failed": 0} == look(web, batch)["counts"]


def test_cancelling_a_batch_at_its_limit_releases_everything(web, services, person, monkeypatch):
    cost(10, monkeypatch)
    person(gpu_s_per_day=25)
    batch = start(web, prompts=["a", "b", "c"])
    feeder(services).feed_once()

    web.post(f"/v1/batches/{batch['id']}/cancel")

    assert look(web, batch)["state"] == "cancelled"
    used = services.store.redis.keys(keys.used("local", "*"))
    assert [services.store.redis.hget(name, "reserved_ms") for name in used] == [b"0"]


def test_who_is_not_among_the_people_has_no_limits(web, services):
    batch = start(web, prompts=["a", "b"])

    feeder(services).feed_once()

    assert look(web, batch)["counts"]["active"] == 2
    assert services.store.counts()[State.QUEUED] == 2
