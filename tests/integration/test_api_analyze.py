"""`POST /v1/analyze` at the door: who answers what, every value explicit, everything else refused by name."""

import base64

import pytest

from shared.rack.worker_registry import WorkerRegistry
from tests import pictures, workers_played

PHOTO = base64.b64encode(pictures.png()).decode()


def ask(web, *tasks, **fields):
    return web.post("/v1/analyze", json={"image": PHOTO, "tasks": list(tasks), **fields})


def engines(answer) -> list[str]:
    assert answer.status_code == 202, answer.json
    return [task["engine"] for task in answer.json["params"]["tasks"]]


def test_tasks_that_name_nobody_get_the_defaults(web):
    answer = ask(web, {"task": "caption"}, {"task": "tags"}, {"task": "rating"}, {"task": "point", "object": "x"})

    assert engines(answer) == ["moondream-starter", "efficientnet-lite0", "opennsfw", "moondream-starter"]
    assert (answer.json["kind"], answer.json["model"]) == ("analyze", "moondream-starter")


def test_real_weights_that_a_worker_serves_are_the_default(web, services):
    WorkerRegistry(services.store.redis).report(workers_played.report(models=("moondream-2", "moondream-toy")))

    assert engines(ask(web, {"task": "caption"})) == ["moondream-2"]


def test_a_model_of_an_engine_may_be_named_by_either(web):
    answer = ask(web, {"task": "tags", "engine": "efficientnet"}, {"task": "rating", "engine": "opennsfw"})

    assert engines(answer) == ["efficientnet-lite0", "opennsfw"]
    assert answer.json["model"] == "efficientnet-lite0"


def test_moondream_rates_and_tags_when_it_is_named(web):
    tasks = [{"task": "tags", "engine": "moondream"}, {"task": "rating", "engine": "moondream-toy"}]

    assert engines(ask(web, *tasks, model="moondream-toy")) == ["moondream-toy", "moondream-toy"]


def test_every_value_is_explicit_in_the_record(web):
    given = {"task": "query", "question": "why?", "seed": 5, "temperature": 0}

    caption, query, tags, rating = ask(
        web, {"task": "caption"}, given, {"task": "tags"}, {"task": "rating", "threshold": 0.9}
    ).json["params"]["tasks"]

    assert caption.keys() == {"task", "engine", "length", "temperature", "top_p", "max_tokens", "seed"}
    assert (caption["length"], caption["temperature"], caption["top_p"]) == ("normal", 0.5, 0.3)
    assert (query["seed"], query["temperature"], query["reasoning"]) == (5, 0, False)
    assert (tags["min_score"], tags["max_tags"]) == (0.05, 20)
    assert rating["threshold"] == 0.9


def test_the_same_key_and_body_name_the_same_job(web):
    body = {"image": PHOTO, "tasks": [{"task": "caption"}]}

    first, again = (web.post("/v1/analyze", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    other = web.post("/v1/analyze", json=body | {"tasks": [{"task": "tags"}]}, headers={"Idempotency-Key": "k"})

    assert first.json["id"] == again.json["id"]
    assert other.status_code == 409


def test_a_stored_picture_is_named_by_its_id(web):
    stored = web.post("/v1/images", data=pictures.jpeg(), content_type="image/jpeg").json["id"]

    answer = web.post("/v1/analyze", json={"image": stored, "tasks": [{"task": "rating"}]})

    assert answer.json["params"]["image"] == stored


@pytest.mark.parametrize(
    ("task", "field", "hint"),
    [
        ({"task": "captoin"}, "tasks.0.task", "did you mean caption?"),
        ({}, "tasks.0.task", "missing"),
        ({"task": "caption", "lenght": "short"}, "tasks.0.lenght", "did you mean length?"),
        ({"task": "caption", "length": "tiny"}, "tasks.0.length", "short"),
        ({"task": "query"}, "tasks.0.question", "missing"),
        ({"task": "query", "question": " "}, "tasks.0.question", "empty"),
        ({"task": "query", "question": "x", "spatial_refs": [[0.1, 0.2, 0.3]]}, "tasks.0.spatial_refs", "box 4"),
        ({"task": "query", "question": "x", "spatial_refs": [[0.9, 0.9, 0.1, 0.1]]}, "tasks.0.spatial_refs", "minima"),
        ({"task": "query", "question": "x", "spatial_refs": [[0.5, 2]]}, "tasks.0.spatial_refs.0.1", "1"),
        ({"task": "detect", "object": ""}, "tasks.0.object", "1 character"),
        ({"task": "detect", "object": "x", "temperature": 1}, "tasks.0.temperature", "unknown field"),
        ({"task": "tags", "engine": "opennsfw"}, "tasks.0.engine", "does not do tags"),
        ({"task": "tags", "engine": "sdxl-toy"}, "tasks.0.engine", "does not do tags"),
        ({"task": "tags", "engine": "moondream-toy", "min_score": 0.2}, "tasks.0.min_score", "no scores"),
        ({"task": "rating", "engine": "moondream-starter"}, "tasks.0.engine", "does not do rating"),
        ({"task": "rating", "threshold": "0.5"}, "tasks.0.threshold", "number"),
    ],
)
def test_a_task_that_cannot_be_done_is_refused_where_it_stands(web, services, task, field, hint):
    answer = ask(web, task)

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field
    assert hint in answer.json["error"]["message"]
    assert services.store.counts()["queued"] == 0


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"tasks": []}, 422, "tasks"),
        ({"tasks": [{"task": "tags"}] * 33}, 422, "tasks"),
        ({"tasks": [{"task": "tags", "engine": "nobody"}]}, 404, "tasks.0.engine"),
        ({"tasks": [{"task": "tags"}], "model": "moondream-toy"}, 422, "model"),
        ({"tasks": [{"task": "caption"}], "model": "moondream-2"}, 409, "model"),
        ({"tasks": [{"task": "caption"}], "modle": "moondream-2"}, 422, "modle"),
        ({"tasks": [{"task": "tags"}], "image": "img_" + "1" * 32}, 404, "image"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(web, fields, status, field):
    answer = web.post("/v1/analyze", json={"image": PHOTO} | fields)

    assert answer.status_code == status
    assert answer.json["error"]["field"] == field


def test_one_job_has_one_analysis_model(web, services):
    WorkerRegistry(services.store.redis).report(workers_played.report(models=("moondream-2", "moondream-toy")))

    answer = ask(web, {"task": "caption", "engine": "moondream-2"}, {"task": "caption", "engine": "moondream-toy"})

    assert answer.status_code == 422
    assert "moondream-2 and moondream-toy" in answer.json["error"]["message"]
