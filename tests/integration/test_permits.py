"""A ticket is a permit: whichever job it names, the one whose turn it is runs, and nothing is lost or doubled by that."""

from types import SimpleNamespace

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.errors import RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.routing import queue_of
from tests.integration.jobs import is_moved, lose_answers
from workers.devices.slot import Slot
from workers.execution import claiming, runner
from workers.execution.continuation import carry_on
from workers.execution.kinds.base import Outcome
from workers.execution.kinds.table import KINDS
from workers.execution.runner import NotOurs, Runner

QUEUE = "m.normal"


@pytest.fixture
def ran(monkeypatch) -> list[str]:
    """Ids of the jobs that ran, in order."""
    seen: list[str] = []

    def run(records, runtime, watch, stopwatch):
        seen.extend(record.id for record in records)
        return [Outcome({"images": []}) for _ in records]

    monkeypatch.setattr(KINDS["generate"], "run", run)
    monkeypatch.setattr(KINDS["analyze"], "run", run)
    return seen


@pytest.fixture
def sent() -> list[str]:
    """Ids of the jobs whose tickets a worker sent."""
    return []


@pytest.fixture
def worker(services, sent, monkeypatch) -> Runner:
    monkeypatch.setattr(runner, "engine_kind", lambda name: SimpleNamespace(makes_steps=False))
    return Runner(
        SimpleNamespace(
            settings=services.settings,
            slot=Slot(name="gpu0", gpu="GPU-0", device="cpu", total_mib=1000, budget_mib=1000, models=("m",)),
            store=services.store,
            catalogue=SimpleNamespace(get=lambda model: SimpleNamespace(engine=model)),
            dispatcher=SimpleNamespace(try_resend=lambda record: sent.append(record.id)),
            residency=SimpleNamespace(residents=list, expire_idle=list, leaked_mib=0),
            tell_residents=lambda: None,
        )
    )


def waiting(services, caller: str = "anna", **fields) -> JobRecord:
    given = {
        "id": new_job_id(),
        "kind": "generate",
        "state": State.QUEUED,
        "params": {"n": 2, "width": 64, "height": 64, "steps": 2},
        "queue": QUEUE,
    }
    return services.store.create(JobRecord(model="m", caller=caller, **(given | fields)))[0]


def test_the_job_whose_turn_it_is_runs_whichever_the_ticket_names(services, worker, ran):
    many = [waiting(services, "many") for _ in range(3)]
    few = waiting(services, "few")

    for record in (many[0], many[1], many[2], few):
        worker.run(record.id, QUEUE)

    assert ran == [many[0].id, few.id, many[1].id, many[2].id]


def test_a_ticket_whose_own_job_has_ended_takes_another_and_one_too_many_is_dropped(services, worker, ran):
    cancelled, other = waiting(services), waiting(services)
    services.store.move(cancelled.id, lifecycle.cancel)

    worker.run(cancelled.id, QUEUE)
    with pytest.raises(NotOurs):
        worker.run(other.id, QUEUE)

    assert ran == [other.id]


def test_a_ticket_takes_nothing_of_another_queue_where_its_job_waits_by_now(services, worker, ran):
    moved = waiting(services)
    services.store.move(moved.id, lambda job, now: lifecycle.reprioritise(job, now, priority=Priority.LOW))

    with pytest.raises(NotOurs):
        worker.run(moved.id, QUEUE)
    worker.run(moved.id, queue_of("m", Priority.LOW))

    assert ran == [moved.id]


def test_a_ticket_that_does_not_say_where_it_came_from_counts_for_the_queue_of_its_job(services, worker, ran):
    record = waiting(services)

    worker.run(record.id)
    with pytest.raises(NotOurs):
        worker.run("job_" + "0" * 24)

    assert ran == [record.id]


def test_a_job_that_stands_in_no_share_runs_by_its_own_ticket(services, worker, ran):
    record = waiting(services)
    for key in services.store.redis.scan_iter("darkroom:sharers:*"):
        services.store.redis.delete(key)

    worker.run(record.id, QUEUE)

    assert ran == [record.id]


def test_jobs_that_are_found_overdue_end_on_the_way_to_one_that_runs(services, worker, ran):
    late, good = waiting(services), waiting(services)
    services.store.redis.hset(f"darkroom:job:{late.id}", "deadline_at_ms", 1)

    worker.run(late.id, QUEUE)

    assert ran == [good.id]
    assert services.store.get(late.id).error.code == "deadline_exceeded"


def test_a_claim_whose_answer_was_lost_finds_the_job_it_took_and_no_second_one(services, worker, ran, monkeypatch):
    records = [waiting(services) for _ in range(3)]
    write, answers = services.store.write, iter([False, True, True, True])

    def loses_an_answer(*args, **kwargs):
        written = write(*args, **kwargs)
        if not next(answers):
            raise RedisUnavailable("the answer was lost")
        return written

    monkeypatch.setattr(services.store, "write", loses_an_answer)
    monkeypatch.setattr("shared.redis.client.FIRST_PAUSE_S", 0.0)

    worker.run(records[0].id, QUEUE)

    assert ran == [records[0].id]
    assert services.store.counts()["queued"] == 2
    assert services.store.counts()["running"] == 0


def test_a_claim_whose_answer_was_lost_under_the_client_runs_and_no_ticket_is_spent_for_nothing(
    services, worker, ran, monkeypatch
):
    records = [waiting(services) for _ in range(2)]
    lost = lose_answers(monkeypatch, is_moved)

    for record in records:
        worker.run(record.id, QUEUE)

    assert lost() == 1
    assert ran == [record.id for record in records]
    assert services.store.held_by("gpu0") == {}


def test_a_claim_whose_answers_were_lost_is_kept_though_its_job_is_wanted_no_more(services, worker, monkeypatch):
    record = waiting(services)
    monkeypatch.setattr("shared.redis.client.FIRST_PAUSE_S", 0.0)
    lost = lose_answers(monkeypatch, is_moved, times=2)

    claim = worker._claiming._claim_now(record.id, lambda job: job.state == State.QUEUED)

    assert lost() == 2
    assert services.store.held_by("gpu0") == {record.id: claim.token}


def test_what_follows_from_an_end_follows_although_its_answers_were_lost(services, worker, ran, monkeypatch):
    first, second, _ = chain(services, "anna")
    monkeypatch.setattr("shared.redis.client.FIRST_PAUSE_S", 0.0)
    lost = lose_answers(monkeypatch, lambda answer: is_moved(answer) and ran, times=6)

    following = worker.run(first.id, QUEUE)

    assert lost() == 6
    assert services.store.get(first.id).state == State.SUCCEEDED
    assert (following.id, following.state) == (second.id, State.QUEUED)


# -- chains --------------------------------------------------------------------------------------------------------------


def chain(services, caller: str) -> list[JobRecord]:
    """Three steps, the first queued."""
    ids = [new_job_id() for _ in range(3)]
    steps = [
        waiting(
            services,
            caller,
            kind="generate",
            state=State.QUEUED if place == 0 else State.WAITING,
            id=ids[place],
            previous_id=ids[place - 1] if place else "",
            next_id=ids[place + 1] if place < 2 else "",
        )
        for place in (2, 1, 0)
    ]
    return steps[::-1]


def ticket_of(steps: list[JobRecord]) -> tuple[str, list[dict]]:
    """What the ticket of a chain's first step names and carries, as Celery hands it to the task."""
    later = [{"args": [step.id], "options": {"task_id": step.id, "queue": step.queue}} for step in steps[1:]]
    return steps[0].id, later[::-1]


def test_later_steps_run_once_each_whichever_tickets_ran_the_first_ones(services, worker, ran, sent, monkeypatch):
    """Each ticket runs another chain's job: what Celery does after the task is played here."""
    monkeypatch.setattr(claiming.Claiming, "peers_of", lambda self, *asked: [])
    chains = [chain(services, "many"), chain(services, "many"), chain(services, "few")]
    tickets = [ticket_of(steps) for steps in chains]

    while tickets:
        job_id, carried = tickets.pop(0)
        try:
            following = worker.run(job_id, QUEUE)
        except NotOurs:
            continue
        if carry_on(carried or None, following, worker.send) and carried:
            tickets.append((carried[-1]["args"][0], carried[:-1]))
        tickets += [(sent.pop(0), []) for _ in range(len(sent))]

    assert sorted(ran) == sorted(step.id for steps in chains for step in steps)
    assert services.store.counts()["succeeded"] == 9
    for steps in chains:
        assert [ran.index(step.id) for step in steps] == sorted(ran.index(step.id) for step in steps)


def test_a_ticket_that_ran_another_chains_step_sends_that_ones_next_and_not_its_own(services, worker, ran, sent):
    first, second = chain(services, "many"), chain(services, "few")
    services.store.move(first[0].id, lifecycle.hold)
    _, carried = ticket_of(first)

    following = worker.run(first[0].id, QUEUE)
    may_return = carry_on(carried, following, worker.send)

    assert ran == [second[0].id]
    assert (sent, may_return) == ([second[1].id], False)


# -- what they cost ------------------------------------------------------------------------------------------------------


def test_the_time_of_a_gpu_batch_is_charged_to_its_people_by_the_cost_of_their_jobs(services, worker, monkeypatch):
    records = [
        waiting(services, caller, batch_key="m:same", params={"n": 1, "width": 64, "height": 64, "steps": steps})
        for caller, steps in (("anna", 10), ("ben", 30))
    ]

    def run(found, runtime, watch, stopwatch):
        stopwatch._spent_s["running"] = 8.0
        return [Outcome({"images": []}) for _ in found]

    monkeypatch.setattr(KINDS["generate"], "run", run)

    worker.run(records[0].id, QUEUE)

    spent = [services.store.get(record.id).spent_s for record in records]
    assert spent == [pytest.approx(2.0, abs=0.1), pytest.approx(6.0, abs=0.1)]
