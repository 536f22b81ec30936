"""What was answered before is answered from the record, as long as what answered it is still the same."""

import json

import pytest

from shared.jobs import chain_rules
from shared.redis import keys
from tests.batches_played import (
    ASK,
    REMIX,
    WEIGHTS,
    look,
    members,
    run_all,
    start,
    succeeds,
    workers_with,
)
from tests.pictures import png

NEW = "b" * 64


@pytest.fixture
def image(web, services):
    """A picture that was asked about by workers with the old weights."""
    stored = services.artifacts.put(png())
    workers_with(services)
    start(web, images=[stored], steps=[ASK])
    assert len(run_all(services)) == 1
    return stored


def asked_again(web, services, image) -> int:
    """How many jobs ran for it."""
    start(web, images=[image], steps=[ASK])
    return len(run_all(services))


def test_the_same_weights_answer_from_the_record(web, services, image):
    assert asked_again(web, services, image) == 0


def test_other_weights_are_asked_again_and_then_answer_from_their_own_record(web, services, image):
    workers_with(services, NEW)

    def with_new(job):
        state, result, error = succeeds(job)
        return state, {"answers": [row | {"weights_hash": NEW} for row in result["answers"]]}, error

    start(web, images=[image], steps=[ASK])
    assert len(run_all(services, with_new)) == 1

    assert asked_again(web, services, image) == 0


def test_one_of_several_models_with_other_weights_is_enough_to_ask_again(web, services, image):
    told = dict.fromkeys(services.catalogue.cards, WEIGHTS) | {"opennsfw": NEW}
    services.store.redis.set(keys.weights("gpu0"), json.dumps(told))

    assert asked_again(web, services, image) == 1


def test_workers_that_disagree_about_the_weights_are_asked(web, services, image):
    workers_with(services, NEW, name="gpu1")

    assert asked_again(web, services, image) == 1


def test_without_a_living_worker_that_knows_its_weights_nothing_is_reused(web, services, image):
    services.store.redis.delete(keys.worker("gpu0"))

    assert asked_again(web, services, image) == 1


def test_a_raised_decoder_version_is_asked_again(web, services, image, monkeypatch):
    monkeypatch.setattr(chain_rules, "DECODER_VERSION", chain_rules.DECODER_VERSION + 1)

    assert asked_again(web, services, image) == 1


def test_an_answer_that_names_no_weights_is_not_remembered(web, services):
    stored = services.artifacts.put(png())
    workers_with(services)

    def nameless(job):
        state, result, error = succeeds(job)
        return state, {"answers": [{**row, "weights_hash": None} for row in result["answers"]]}, error

    start(web, images=[stored], steps=[ASK])
    run_all(services, nameless)

    assert asked_again(web, services, stored) == 1


def test_the_same_question_about_the_same_picture_is_answered_once(web, services):
    image = services.artifacts.put(png())
    workers_with(services)
    start(web, images=[image], steps=[ASK])
    (first,) = run_all(services)

    again = start(web, images=[image], steps=[ASK, REMIX | {"prompt": "x"}])
    ran = run_all(services)

    assert [job.kind for job in ran] == ["generate"]
    job = members(web, again)[0]["jobs"][0]
    assert job["reused"]
    record = services.store.get(job["id"])
    assert (record.reused_from, record.result) == (first.id, first.result)
    assert look(web, again)["reused"] == 1
    assert look(web, again)["counts"]["succeeded"] == 1


def test_fresh_work_other_tasks_and_other_pictures_are_done_anew(web, services):
    workers_with(services)
    image, other = services.artifacts.put(png()), services.artifacts.put(png(9, 9))
    start(web, images=[image], steps=[ASK])
    run_all(services)

    start(web, images=[image], steps=[ASK], fresh=True)
    start(web, images=[image], steps=[ASK | {"tasks": [{"task": "caption", "length": "short"}]}])
    start(web, images=[other], steps=[ASK])

    assert len(run_all(services)) == 3


def test_an_answer_that_failed_in_one_task_is_not_reused(web, services):
    image = services.artifacts.put(png())
    workers_with(services)

    def half(job):
        state, result, error = succeeds(job)
        result["answers"][1] = {"task": "tags", "ok": False, "error": {"code": "engine_failed", "message": ""}}
        return state, result, error

    start(web, images=[image], steps=[ASK])
    run_all(services, half)
    start(web, images=[image], steps=[ASK])

    assert len(run_all(services)) == 1
