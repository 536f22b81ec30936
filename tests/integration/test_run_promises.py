"""What a run owes to those who are in it, in the cases in which it is easily forgotten: blame, seats, room, an end."""

import gc
import time
import weakref
from collections import Counter
from dataclasses import replace

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Reason
from shared.errors import DeviceLost, EngineFailed, RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.routing import queue_of
from tests.integration.test_stepping_run import (
    MODEL,
    QUEUE,
    PlayedEngine,
    _every_step_looks_and_tells,
    command,
    engine,
    queued,
    runner,
    runtime_of,
    sent,
    states,
    warm,
)
from tests.rig import wait_for
from workers.execution.runner import Runner
from workers.execution.stepping import vigil
from workers.memory.residency import Residency
from workers.memory.shapes import Shape

__all__ = ["_every_step_looks_and_tells", "engine", "runner", "sent"]

LOW = queue_of(MODEL, Priority.LOW)


def runner_of(services, engine, sent, **settings) -> Runner:
    return warm(Runner(runtime_of(services, engine, sent, **settings)), services, engine)


def first_pass_of(engine: PlayedEngine, name: str) -> int | None:
    return next((number for number, each in enumerate(engine.passes) if (name, 1) in each), None)


def lost(*_) -> None:
    raise DeviceLost("CUDA error: an illegal memory access was encountered")


def lost_by_another_name(*_) -> None:
    raise EngineFailed("no picture") from RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.mark.parametrize("lost", [lost, lost_by_another_name])
@pytest.mark.parametrize("doing", ["begin", "at_finish"])
def test_a_card_that_is_lost_beside_a_pass_is_told_to_be_lost_and_its_jobs_go_back(
    services, engine, runner, monkeypatch, doing, lost
):
    jobs = [queued(services, "one", steps=2), queued(services, "two", steps=6)]
    monkeypatch.setattr(engine, doing, lost)

    runner.run(jobs[0].id, QUEUE)

    assert runner.has_lost_device
    assert states(services, *jobs) == ["queued"] * 2


def test_who_is_at_work_is_not_blamed_for_an_urgent_one_that_does_not_fit(services, engine, sent):
    runtime = runtime_of(services, engine, sent)
    need_mib = runtime.need_mib(services.catalogue.get(MODEL), Shape(64, 64, 1, False))
    runtime = replace(runtime, residency=Residency(lambda card: engine, need_mib + 40))
    runner, large = warm(Runner(runtime), services, engine), []
    small = queued(services, "small", steps=8)

    def send(samples):
        if len(engine.passes) == 2 and not large:
            large.append(queued(services, "large", side=2048, priority=Priority.HIGH))

    engine.at_pass = send
    runner.run(small.id, QUEUE)

    assert states(services, small, *large) == ["succeeded", "failed"]
    assert services.store.get(large[0].id).error.code == "does_not_fit"


@pytest.mark.parametrize("n", [4, 8, 16])
def test_an_urgent_job_takes_a_seat_of_one_of_many_pictures(services, engine, sent, n):
    runner, urgent = runner_of(services, engine, sent, max_batch=4), []
    many = queued(services, "many", steps=10, n=n, priority=Priority.LOW)

    def send(samples):
        if len(engine.passes) == 3 and not urgent:
            urgent.append(queued(services, "urgent", steps=2, priority=Priority.HIGH))

    engine.at_pass = send
    runner.run(many.id, LOW)

    assert states(services, many, *urgent) == ["succeeded"] * 2
    assert first_pass_of(engine, "urgent") <= 5


def test_the_last_picture_of_a_job_leaves_no_seat_empty(services, engine, sent):
    runner = runner_of(services, engine, sent, max_batch=2)
    jobs = [queued(services, "many", steps=6, n=3), queued(services, "other", steps=6)]

    runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 2
    assert [len(each) for each in engine.passes] == [2] * 12


def test_urgent_jobs_of_another_size_share_their_passes_beside_one_that_waits(services, engine, sent):
    runner, urgent = runner_of(services, engine, sent, max_batch=4), []
    patient = queued(services, "patient", steps=30)

    def send(samples):
        if len(engine.passes) == 3 and not urgent:
            urgent.extend(queued(services, name, steps=20, side=72, priority=Priority.HIGH) for name in ("one", "two"))

    engine.at_pass = send
    runner.run(patient.id, QUEUE)

    assert states(services, patient, *urgent) == ["succeeded"] * 3
    assert max(first_pass_of(engine, name) for name in ("one", "two")) <= 6


def test_no_more_pictures_wait_to_be_decoded_than_are_made_at_once(services, engine, sent):
    runner, waiting = runner_of(services, engine, sent, max_batch=4), []
    jobs = [queued(services, f"job {number}", steps=1, n=4) for number in range(10)]

    def look(samples):
        members = runner._runs[MODEL].members
        waiting.append(sum(member.waiting_pictures for member in members))

    engine.at_pass = look
    runner.run(jobs[0].id, QUEUE)

    assert Counter(states(services, *jobs)) == {"succeeded": len(jobs)}
    assert max(waiting) <= 4


def test_nothing_is_kept_of_samples_once_nobody_is_under_way(services, engine, runner, monkeypatch):
    jobs: list[JobRecord] = [queued(services, f"job {number}", n=2, steps=3) for number in range(3)]
    made, begin = [], engine.begin

    def noted(work, watch):
        samples = begin(work, watch)
        made.extend(weakref.ref(sample) for sample in samples)
        return samples

    monkeypatch.setattr(engine, "begin", noted)
    runner.run(jobs[0].id, QUEUE)
    engine.passes.clear()
    gc.collect()

    assert states(services, *jobs) == ["succeeded"] * 3
    assert [each for each in made if each() is not None] == []


# -- what a job is charged -----------------------------------------------------------------------------------------------


def busy_s(runner: Runner) -> float:
    """What the card has worked so far."""
    return runner._runs[MODEL]._passes.busy_s


@pytest.mark.parametrize("end", ["cancelled", "overdue", "failed"])
def test_jobs_that_end_early_are_charged_together_no_more_than_the_card_worked(services, engine, sent, end):
    runner = runner_of(services, engine, sent, max_batch=4)
    worked_before_s = busy_s(runner)
    jobs = [queued(services, f"{end} {n}", steps=20) for n in range(4)]

    def stop(samples):
        time.sleep(0.01)
        if len(engine.passes) == 18 and end != "failed":
            for job in jobs:
                services.store.move(job.id, lifecycle.cancel if end == "cancelled" else late)

    def late(record, now_ms):
        return record.model_copy(update={"deadline_at_ms": now_ms - 1})

    def crash(samples):
        raise EngineFailed("no picture")

    engine.at_pass = stop
    if end == "failed":
        engine.at_finish = crash
    runner.run(jobs[0].id, QUEUE)

    ended = [services.store.get(job.id) for job in jobs]
    codes = {job.error.code if job.error else job.state.value for job in ended}
    assert codes == {{"cancelled": "cancelled", "overdue": "deadline_exceeded", "failed": "engine_failed"}[end]}
    assert 0 < sum(job.spent_s for job in ended) <= busy_s(runner) - worked_before_s + 0.01


def test_a_job_that_is_cancelled_while_it_is_paused_is_charged_its_own_passes(services, engine, sent):
    runner = runner_of(services, engine, sent, max_batch=1)
    patient = queued(services, "patient", steps=30, priority=Priority.LOW)

    def press(samples):
        time.sleep(0.01)
        if len(engine.passes) == 2:
            queued(services, "urgent", steps=30, priority=Priority.HIGH)
        if len(engine.passes) == 25:
            services.store.move(patient.id, lifecycle.cancel)

    engine.at_pass = press
    worked_before_s = busy_s(runner)
    runner.run(patient.id, LOW)

    ended = services.store.get(patient.id)
    assert ended.state.value == "cancelled"
    assert 0 < ended.spent_s < (busy_s(runner) - worked_before_s) / 2


# -- tickets -------------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_though_the_message_of_what_it_gives_way_to_is_lost(services, engine, runner, sent):
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(job.id, QUEUE)

    for _ in range(8):
        if states(services, job) == ["running"]:
            runner.run(*sent.pop())

    assert states(services, job) == ["succeeded"]


@pytest.mark.parametrize("where", ["_room.begin", "_ahead.turn_begins"])
def test_what_breaks_outside_of_a_pass_holds_nobody_for_ever(services, engine, runner, sent, monkeypatch, where):
    one, two = queued(services, "one", steps=8), queued(services, "two", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(one.id, QUEUE)
    part, name = where.split(".")

    def crash(*args, **kwargs):
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as broken:
        broken.setattr(getattr(runner._runs[MODEL], part), name, crash)
        runner.run(*sent.pop())

    run = runner._runs[MODEL]
    assert (run.members, run._company._staying, run._passes.on_card) == ([], (), [])
    assert states(services, one, two) == ["queued"] * 2  # each alone
    assert {services.store.get(job.id).history[-1].reason for job in (one, two)} == {Reason.RUNS_ALONE}


def test_what_passes_by_itself_fails_nobody_outside_of_a_pass_either(services, engine, runner, sent, monkeypatch):
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(job.id, QUEUE)

    def away(*args, **kwargs):
        raise RedisUnavailable("away")

    monkeypatch.setattr(runner._runs[MODEL]._ahead, "turn_begins", away)
    runner.run(*sent.pop())

    ended = services.store.get(job.id)
    assert (ended.state.value, ended.history[-1].reason) == ("queued", Reason.RETRIED)


def test_a_run_without_a_ticket_is_sent_one(services, engine, runner, sent, monkeypatch):
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(job.id, QUEUE)
    runner._run_tickets.clear()
    sent.clear()
    monkeypatch.setattr(vigil, "LOST_AFTER_S", -1.0)

    runner._vigil.look()
    runner._vigil.look()
    while states(services, job) == ["running"]:
        runner.run(*sent.pop())

    assert states(services, job) == ["succeeded"]


def test_a_job_that_has_ended_is_let_go_without_being_looked_for(services, engine, runner, monkeypatch):
    """Tensors on a card do not count for Python's collector: what only it would find stays."""
    made, begin = [], engine.begin

    def noted(work, watch):
        samples = begin(work, watch)
        made.extend(map(weakref.ref, samples))
        return samples

    monkeypatch.setattr(engine, "begin", noted)
    gc.collect()
    gc.disable()
    try:
        for number in range(6):
            runner.run(queued(services, f"number {number}").id, QUEUE)
        wait_for(lambda: [each() for each in made[:-1]] == [None] * 5, 10.0, "jobs that are let go")
    finally:
        gc.enable()


def test_nothing_is_kept_of_samples_whose_job_is_cancelled_between_two_tickets(services, engine, runner, monkeypatch):
    made, begin = [], engine.begin

    def noted(work, watch):
        samples = begin(work, watch)
        made.extend(map(weakref.ref, samples))
        return samples

    monkeypatch.setattr(engine, "begin", noted)
    job = queued(services, "long", steps=8, n=2)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(job.id, QUEUE)
    services.store.move(job.id, lifecycle.cancel)
    engine.at_pass = lambda samples: None

    runner._vigil.look()
    gc.collect()

    assert made
    assert [each() for each in made] == [None] * len(made)
