"""What a narrowed key may ask for, on every way that makes jobs."""

import pytest

from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Facade, Key, Person, Role, Scopes
from shared.contracts.base import Priority
from shared.contracts.jobs import State
from shared.jobs import lifecycle
from shared.rack.worker_registry import Resident
from tests import pictures, workers_played
from tests.batches_played import feeder

JOB = {"prompt": "x", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 2}
STEP = {"kind": "generate", "model": "sdxl-toy", "steps": 2, "width": 64, "height": 64}


@pytest.fixture
def wide(services, web):
    """An operator who may everything; gpu0 serves all models."""
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    services.people.add(Person(name="ann", role=Role.OPERATOR), COMMAND_LINE)
    return shown(services, web)


@pytest.fixture
def narrow(services, web, wide):
    """Makes a narrowed key of the same person."""
    return lambda **scopes: shown(services, web, Scopes(**scopes))


def shown(services, web, scopes: Scopes | None = None):
    """A client with a key of ann's."""
    key = services.keys.add(Key(id="", person="ann", digest="", scopes=scopes or Scopes()), COMMAND_LINE)[1]
    headers = {"Authorization": f"Bearer {key}"}
    return lambda method, path, json=None, **more: web.open(path, method=method, json=json, headers=headers, **more)


def refused(answer, scope: str) -> bool:
    """Whether it names this scope, with 403."""
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "scope_exceeded"), answer.text
    return f"scope {scope}:" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("scopes", "change", "scope"),
    [
        ({"models": ("moondream-toy",)}, {}, "models"),
        ({"kinds": ("analyze",)}, {}, "kinds"),
        ({"max_pixels": 64 * 64 - 1}, {}, "max_pixels"),
        ({"max_n": 1}, {"n": 2}, "max_n"),
        ({"highest_priority": Priority.NORMAL}, {"priority": "high"}, "highest_priority"),
        ({"facades": (Facade.OPENAI,)}, {}, "facades"),
    ],
)
def test_a_single_job_beyond_a_scope_is_refused_and_one_within_it_is_made(
    services, narrow, wide, scopes, change, scope
):
    assert refused(narrow(**scopes)("POST", "/v1/generate", JOB | change), scope)
    assert services.store.page(None, 10, None)[0] == []
    assert wide("POST", "/v1/generate", JOB | change).status_code == 202


def test_exactly_what_the_scopes_say_is_made(narrow):
    exact = narrow(
        models=("sdxl-toy",),
        kinds=("generate",),
        max_pixels=64 * 64,
        max_n=2,
        highest_priority=Priority.NORMAL,
        facades=(Facade.NATIVE,),
    )

    assert exact("POST", "/v1/generate", JOB | {"n": 2, "priority": "normal"}).status_code == 202


def test_where_no_model_is_named_the_best_of_those_the_key_is_for_is_taken(narrow, wide):
    assert wide("POST", "/v1/generate", {"prompt": "x"}).json["model"] != "sdxl-toy"
    assert narrow(models=("sdxl-toy",))("POST", "/v1/generate", {"prompt": "x"}).json["model"] == "sdxl-toy"
    assert refused(narrow(models=("moondream-toy",))("POST", "/v1/generate", {"prompt": "x"}), "models")


def test_a_size_that_nobody_named_counts_too(narrow):
    assert refused(narrow(max_pixels=100)("POST", "/v1/generate", {"prompt": "x", "model": "sdxl-toy"}), "max_pixels")


def test_a_priority_that_nobody_named_is_as_high_as_the_key_may(narrow):
    low = narrow(highest_priority=Priority.LOW)

    assert low("POST", "/v1/generate", JOB).json["priority"] == "low"
    assert refused(low("POST", "/v1/generate", JOB | {"priority": "normal"}), "highest_priority")


def test_every_model_of_an_analysis_counts(narrow, wide):
    image = wide("POST", "/v1/images", data=pictures.png(), content_type="image/png").json["id"]
    tasks = [{"task": "caption", "engine": "moondream-toy"}, {"task": "rating", "engine": "falconsai-nsfw"}]
    body = {"image": image, "tasks": tasks}

    assert wide("POST", "/v1/analyze", body).status_code == 202
    assert refused(narrow(models=("moondream-toy",))("POST", "/v1/analyze", body), "models")
    assert refused(narrow(kinds=("generate",))("POST", "/v1/analyze", body), "kinds")
    assert narrow(models=("moondream-toy", "falconsai-nsfw"))("POST", "/v1/analyze", body).status_code == 202


@pytest.mark.parametrize(
    ("scopes", "change", "scope"),
    [
        ({"facades": (Facade.NATIVE,)}, {}, "facades"),
        ({"models": ("moondream-2",)}, {}, "models"),
        ({"kinds": ("generate",)}, {}, "kinds"),
        ({"highest_priority": Priority.NORMAL}, {"service_tier": "priority"}, "highest_priority"),
    ],
)
def test_a_chat_beyond_a_scope_is_refused(services, narrow, scopes, change, scope):
    body = {"model": "moondream-toy", "messages": [{"role": "user", "content": "what?"}]} | change

    assert refused(narrow(**scopes)("POST", "/v1/chat/completions", body), scope)
    assert services.store.page(None, 10, None)[0] == []


def test_a_key_for_openais_way_in_may_see_models_and_itself_only(narrow):
    chat = narrow(facades=(Facade.OPENAI,))

    assert [chat("GET", path).status_code for path in ("/v1/models", "/v1/models/sdxl-toy", "/v1/me")] == [200] * 3
    assert refused(chat("GET", "/v1/jobs"), "facades")


@pytest.mark.parametrize(
    ("scopes", "body", "scope"),
    [
        ({"models": ("sdxl-starter",)}, {}, "models"),
        ({"kinds": ("generate",)}, {"steps": [STEP, {"kind": "analyze", "tasks": [{"task": "caption"}]}]}, "kinds"),
        ({"max_pixels": 64 * 64}, {"steps": [STEP, STEP | {"width": 128}]}, "max_pixels"),
        ({"max_pixels": 100}, {"steps": [STEP | {"image": "@previous", "width": None, "height": None}]}, "max_pixels"),
        ({"highest_priority": Priority.NORMAL}, {"priority": "high"}, "highest_priority"),
        ({"facades": (Facade.OPENAI,)}, {}, "facades"),
    ],
)
def test_a_batch_with_one_step_beyond_a_scope_is_refused_and_the_step_is_named(narrow, wide, scopes, body, scope):
    first = body.get("steps", [STEP])[0]
    if "image" in first:
        image = wide("POST", "/v1/images", data=pictures.png(), content_type="image/png").json["id"]
        first = {name: value for name, value in first.items() if value is not None} | {"prompt": "x"}
        batch = {"images": [image], "steps": [first]}
    else:
        batch = {"prompts": ["a"], "steps": [STEP]} | body

    answer = narrow(**scopes)("POST", "/v1/batches", batch)

    assert refused(answer, scope)
    if scope in ("models", "max_pixels"):
        assert answer.json["error"]["field"].startswith("steps.")
    assert wide("POST", "/v1/batches", batch).status_code == 202


def test_a_grid_over_models_is_refused_for_one_of_them(narrow):
    grid = {"prompts": ["a"], "models": ["sdxl-toy", "sdxl-starter"]}
    step = {name: value for name, value in STEP.items() if name != "model"}
    batch = {"grid": grid, "steps": [step]}

    assert refused(narrow(models=("sdxl-toy",))("POST", "/v1/batches", batch), "models")


def test_a_picture_whose_size_follows_another_stays_within_the_scope(services, narrow):
    few = narrow(max_pixels=100 * 100)
    image = few("POST", "/v1/images", data=pictures.png(300, 100), content_type="image/png").json["id"]
    step = {"kind": "generate", "model": "sdxl-toy", "steps": 4, "image": "@previous", "prompt": "x"}

    made = few("POST", "/v1/batches", {"images": [image], "steps": [step, step]})
    feeder(services).feed()

    assert made.status_code == 202, made.text
    jobs = services.store.page(None, 10, None)[0]
    assert len(jobs) == 2
    for job in jobs:
        if job.state == State.QUEUED:
            assert job.params["width"] * job.params["height"] <= 100 * 100
        assert job.sizing is None or job.sizing.max_pixels <= 100 * 100


def test_a_retry_beyond_a_scope_is_refused(services, narrow, wide):
    job_id = wide("POST", "/v1/generate", JOB | {"n": 2}).json["id"]
    services.store.move(job_id, lifecycle.cancel)

    assert refused(narrow(max_n=1)("POST", f"/v1/jobs/{job_id}/retry"), "max_n")
    assert narrow(max_n=2)("POST", f"/v1/jobs/{job_id}/retry").status_code == 202


def test_a_batch_beyond_a_scope_is_not_resumed(narrow, wide):
    batch = wide("POST", "/v1/batches", {"prompts": ["a"], "steps": [STEP]}).json["id"]
    wide("POST", f"/v1/batches/{batch}/cancel")

    assert refused(narrow(models=("sdxl-starter",))("POST", f"/v1/batches/{batch}/resume"), "models")
    assert narrow(models=("sdxl-toy",))("POST", f"/v1/batches/{batch}/resume").status_code == 202


@pytest.mark.parametrize(
    ("what", "body"), [("switch", {"model_id": "sdxl-toy"}), ("unload", {"model_id": "sdxl-toy"}), ("unload", {})]
)
def test_commands_have_models_and_kinds_too(services, narrow, wide, what, body):
    held = (Resident(model="sdxl-toy", held_mib=10),)
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",), resident=held))

    assert refused(narrow(models=("sdxl-starter",))("POST", f"/v1/models/{what}", body), "models")
    assert refused(narrow(kinds=("generate",))("POST", f"/v1/models/{what}", body), "kinds")
    assert wide("POST", f"/v1/models/{what}", body).status_code == 202
    assert narrow(highest_priority=Priority.LOW)("POST", f"/v1/models/{what}", body).status_code == 202
