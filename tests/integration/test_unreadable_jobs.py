"""A job whose parameters another version wrote fails by itself, at once, and says so; whoever is beside it goes on."""

from typing import Any

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord
from shared.errors import EngineFailed
from shared.jobs.routing import queue_of
from tests.integration import test_answers_run as answers
from tests.integration.test_stepping_run import (
    MODEL,
    _every_step_looks_and_tells,
    engine,
    queued,
    runner,
    sent,
    states,
)

__all__ = ["_every_step_looks_and_tells", "engine", "folder", "runner", "sent"]

folder = answers.folder
QUEUE = queue_of(MODEL, Priority.NORMAL)
#: What another version may have written: a field that is new here, one of another type, pictures that cannot be counted.
UNREADABLE: list[dict[str, Any]] = [{"clip_skip": 2}, {"steps": None}, {"n": "many"}, {"n": {"least": 2}}, {"n": 0}]
#: Which is found out when its work is fetched.
UNREADABLE_LATER: list[dict[str, Any]] = [{"n": 2.5}]


def changed(services, record: JobRecord, change: dict[str, Any]) -> JobRecord:
    return services.store.move(record.id, lambda r, now: r.model_copy(update={"params": r.params | change}))


def of_another_version(services, change: dict[str, Any]) -> JobRecord:
    return changed(services, queued(services, "a secret prompt"), change)


def has_failed_and_says_why(services, job: JobRecord) -> bool:
    record = services.store.get(job.id)
    assert (record.state.value, record.error.code, record.attempt) == ("failed", EngineFailed.code, 1)
    assert "not of this worker's version" in record.error.message
    assert "secret" not in record.error.message
    return services.store.held_by("gpu0") == {}


@pytest.mark.parametrize("change", UNREADABLE + UNREADABLE_LATER, ids=str)
def test_one_that_comes_first_fails_and_the_next_one_is_made(services, engine, runner, change):
    job = of_another_version(services, change)

    runner.run(job.id, QUEUE)

    assert has_failed_and_says_why(services, job)
    good = queued(services, "good")
    runner.run(good.id, QUEUE)
    assert states(services, good) == ["succeeded"]


@pytest.mark.parametrize("change", UNREADABLE + UNREADABLE_LATER, ids=str)
def test_one_that_would_join_fails_and_the_run_goes_on(services, engine, runner, change):
    good = queued(services, "good", steps=6)
    job, later = of_another_version(services, change), queued(services, "later")

    runner.run(good.id, QUEUE)

    assert has_failed_and_says_why(services, job)
    assert states(services, good, later) == ["succeeded"] * 2
    assert [step for each in engine.passes for name, step in each if name == "good"] == list(range(1, 7))


def test_others_join_while_those_that_cannot_be_read_fail(services, engine, runner):
    good = queued(services, "good", steps=12)
    jobs = [of_another_version(services, {"clip_skip": 2}) for _ in range(3)]
    later = queued(services, "later")

    runner.run(good.id, QUEUE)

    assert all(has_failed_and_says_why(services, job) for job in jobs)
    assert states(services, good, later) == ["succeeded"] * 2
    assert any(sorted(name for name, _ in each) == ["good", "later"] for each in engine.passes)


def test_nobody_pays_for_what_was_not_begun_and_the_error_names_the_field(services, engine, runner):
    job = of_another_version(services, {"clip_skip": 2})

    runner.run(job.id, QUEUE)

    record = services.store.get(job.id)
    assert record.spent_s == 0
    assert "clip_skip: " in record.error.message


def test_one_whose_size_cannot_be_read_is_left_for_last_and_fails(services, engine, runner):
    good, job = queued(services, "good", steps=3), of_another_version(services, {"width": "wide"})

    while services.store.counts()["queued"]:
        runner.run(good.id, QUEUE)

    assert has_failed_and_says_why(services, job)
    assert states(services, good) == ["succeeded"]


@pytest.mark.parametrize(
    ("change", "is_told"), [({"detail": "high"}, True), ({"tasks": "why?"}, False), ({"tasks": ["why?"]}, False)]
)
def test_a_question_that_cannot_be_read_fails_alone(services, folder, sent, change, is_told):
    card = services.catalogue.get(answers.MODEL)
    talker = answers.moondream.load(card, folder, answers.LoadPlan(prefix_cache_mib=64))
    talker.__class__ = answers.Listening
    runner = answers.runner_of(services, talker.listen(), sent)
    good = answers.queued(services, answers.ask("why?", 12))
    job = changed(services, answers.queued(services, answers.ask("a secret", 5)), change)

    while services.store.counts()["queued"]:
        runner.run(good.id, answers.QUEUE)

    assert states(services, good, job) == ["succeeded", "failed"]
    assert not is_told or has_failed_and_says_why(services, job)
