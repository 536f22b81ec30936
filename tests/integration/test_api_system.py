"""Models, status, probes, access, CORS and the API's description."""

import json

import pytest

from api.app import create_app
from api.services import build_services
from shared.models.measurements import LOAD, Measurements
from shared.rack.worker_registry import Resident
from shared.redis import keys
from tests import workers_played

#: Pages for people, which the description does not list.
PEOPLES = ("docs", "home", "web")
ANYONE = "http://localhost:5173"


def models(web) -> dict:
    return {model["id"]: model for model in web.get("/v1/models").json["models"]}


def test_every_model_is_listed_with_what_it_takes(web):
    sdxl = models(web)["sdxl"]

    assert sdxl["state"] == "missing"
    assert "darkroom pull sdxl" in sdxl["fetch"]
    assert sdxl["defaults"]["steps"] == 30
    assert sdxl["limits"]["max_side_px"] == 2048
    assert sdxl["vram"]["basis"] in ("measured", "estimated")
    assert sdxl["licence"]


def test_a_model_shows_who_serves_and_who_holds_it(web, services):
    held = (Resident(model="sdxl", held_mib=7000),)
    services.registry.report(workers_played.report("gpu0", models=("sdxl",), resident=held))
    services.registry.report(workers_played.report("gpu1", too_large={"sdxl": 9800}))

    sdxl = models(web)["sdxl"]

    assert sdxl["state"] == "available"
    assert (sdxl["served_by"], sdxl["resident_on"], sdxl["too_large_for"]) == (["gpu0"], ["gpu0"], ["gpu1"])


def test_one_model_has_openais_shape_and_ours(web, services):
    services.registry.report(workers_played.report("gpu0", models=("moondream-toy",)))
    services.store.redis.set(keys.weights("gpu0"), json.dumps({"moondream-toy": "a" * 64}))

    shown = web.get("/v1/models/moondream-toy").json

    assert (shown["id"], shown["object"], shown["owned_by"]) == ("moondream-toy", "model", "darkroom")
    assert isinstance(shown["created"], int)
    assert (shown["state"], shown["served_by"], shown["weights_hash"]) == ("available", ["gpu0"], "a" * 64)
    assert {name: shown[name] for name in models(web)["moondream-toy"]} == models(web)["moondream-toy"]


@pytest.mark.parametrize("name", ["vikhyatk/moondream2", "vikhyatk%2Fmoondream2", "moondream-2"])
def test_a_model_is_found_by_any_of_its_names(web, name):
    assert web.get(f"/v1/models/{name}").json["id"] == "moondream-2"


def test_an_unknown_model_is_not_found_and_those_there_are_are_named(web):
    answer = web.get("/v1/models/gpt-4o")

    assert answer.status_code == 404
    assert "moondream-2" in answer.json["error"]["message"]


@pytest.mark.parametrize("command", ["switch", "unload"])
def test_a_command_is_no_model(web, command):
    answer = web.get(f"/v1/models/{command}")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert web.options(f"/v1/models/{command}").allow.as_set() == {"options", "post"}


def test_the_default_is_the_model_that_a_request_without_one_gets(web, services):
    services.registry.report(workers_played.report(models=("sdxl", "sdxl-toy")))

    assert models(web)["sdxl"]["is_default"]
    assert web.post("/v1/generate", json={"prompt": "a cat"}).json["model"] == "sdxl"


def test_the_status_tells_workers_queues_and_jobs(web, services):
    services.registry.report(workers_played.report("gpu7"))
    web.post("/v1/generate", json={"prompt": "a cat", "model": "sdxl-toy"})

    status = web.get("/v1/status").json

    assert [worker["name"] for worker in status["workers"]] == ["gpu7"]
    assert status["queues"]["sdxl-toy.normal"] == 1
    assert status["jobs"]["queued"] == 1
    assert status["redis"]["is_persistent"] is True


def test_the_status_tells_how_long_a_running_job_is_silent_and_may_be(web, services):
    job_id = web.post("/v1/generate", json={"prompt": "a cat", "model": "sdxl-toy"}).json["id"]
    ended_id = web.post("/v1/generate", json={"prompt": "a dog", "model": "sdxl-toy"}).json["id"]
    for each in (job_id, ended_id):
        workers_played.start(services, each)
    workers_played.step(services, job_id, 3)
    workers_played.succeed(services, ended_id)
    services.registry.report(workers_played.report("gpu0", jobs=(job_id, ended_id)))
    services.registry.report(workers_played.report("gpu1"))

    busy, idle = web.get("/v1/status").json["workers"]

    (running,) = busy["running"]
    assert (running["id"], running["phase"]) == (job_id, "running")
    assert 0 <= running["silent_s"] < running["limit_s"] == services.settings.step_timeout_s
    assert "step 3 of 8 on gpu0" in running["why"]
    assert (busy["jobs"], idle["running"]) == ([job_id, ended_id], [])


def test_it_is_ready_when_each_kind_of_model_that_is_here_has_a_living_worker(web, services):
    without = web.get("/readyz")
    services.registry.report(workers_played.report(models=tuple(services.catalogue.cards)))

    assert without.status_code == 503
    assert "generate" in without.json["error"]["message"]
    assert "Retry-After" in without.headers
    assert web.get("/readyz").status_code == 200


@pytest.mark.parametrize("state", ["starting", "unhealthy"])
def test_it_is_not_ready_with_workers_that_cannot_work_and_the_status_says_why(web, services, state):
    everything = tuple(services.catalogue.cards)
    services.registry.report(workers_played.report(models=everything, state=state, note="no GPU"))

    assert web.get("/readyz").status_code == 503
    assert web.get("/v1/status").json["workers"][0]["note"] == "no GPU"


def test_where_keys_are_set_only_they_open(settings):
    keyed = settings.model_copy(update={"api_keys": ("ann:s3cret", "bob:other")})
    web = create_app(build_services(keyed)).test_client()

    answers = [
        web.get("/v1/jobs").status_code,
        web.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code,
        web.get("/v1/jobs", headers={"Authorization": "Basic s3cret"}).status_code,
        web.get("/v1/jobs", headers={"Authorization": "Bearer \xe9\xff"}).status_code,
        web.get("/v1/jobs", headers={"Authorization": "Bearer s3cret"}).status_code,
        web.get("/healthz").status_code,
        web.get("/openapi.json").status_code,
    ]

    assert answers == [401, 401, 401, 401, 200, 200, 200]


def test_with_keys_a_job_counts_for_its_keys_owner(settings):
    services = build_services(settings.model_copy(update={"api_keys": ("ann:s3cret",)}))
    web = create_app(services).test_client()

    answer = web.post("/v1/generate", json={"prompt": "x"}, headers={"Authorization": "Bearer s3cret"})

    assert services.store.get(answer.json["id"]).caller == "ann"


def test_browsers_on_this_machine_may_call_and_read_our_headers(web):
    answer = web.get("/v1/jobs", headers={"Origin": ANYONE})
    stranger = web.get("/v1/jobs", headers={"Origin": "https://evil.example"})

    assert answer.headers["Access-Control-Allow-Origin"] == ANYONE
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in stranger.headers


def test_a_browser_may_ask_before_it_sends_json(web):
    answer = web.options(
        "/v1/generate",
        headers={
            "Origin": ANYONE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )

    assert answer.status_code == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_method_nobody_described_answers_405_and_says_which_there_are(web, method):
    answer = web.open("/v1/generate", method=method)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.json["error"]["code"] == "method_not_allowed"


def test_the_description_is_openapi_3_1_and_knows_every_view(web):
    described = web.get("/openapi.json").json
    routes = {rule.rule for rule in web.application.url_map.iter_rules() if rule.endpoint.split(".")[0] not in PEOPLES}

    assert described["openapi"].startswith("3.1")
    assert {path.replace("{", "<").replace("}", ">") for path in described["paths"]} == routes


def test_the_page_for_people_loads_nothing_from_elsewhere(web):
    page = web.get("/docs").text

    assert "http" not in page
    for asset in ("css/swagger-ui.css", "js/swagger-ui-bundle.js"):
        assert f"/docs/assets/{asset}" in page
        assert web.get(f"/docs/assets/{asset}").status_code == 200


def test_where_no_page_is_built_a_browser_gets_one_that_says_what_runs_here(services, tmp_path):
    web = create_app(services, page_folder=tmp_path / "none").test_client()

    answer = web.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    for place in ("Darkroom", 'href="/docs"', 'href="/v1/status"'):
        assert place in answer.text
    assert "<script" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "image/png"])
def test_a_program_gets_the_same_as_json(web, accept):
    answer = web.get("/", headers={"Accept": accept} if accept else {})

    assert answer.status_code == 200
    assert (answer.json["docs"], answer.json["status"]) == ("/docs", "/v1/status")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_place_the_page_names_is_there(web):
    for name, path in web.get("/").json.items():
        if name not in ("name", "version", "about"):
            assert web.get(path).status_code == 200, name


def test_the_page_needs_no_key_and_opens_nothing_else(settings):
    client = create_app(settings.model_copy(update={"api_keys": ("ann:secret-of-ann",)})).test_client()

    assert client.get("/").status_code == 200
    assert client.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize("where", ["model", "models"])
def test_models_are_switched_and_unloaded_under_both_spellings(web, services, where):
    held = (Resident(model="sdxl-toy", held_mib=10),)
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",), resident=held))

    switched = web.post(f"/v1/{where}/switch", json={"model_id": "sdxl-toy"})
    unloaded = web.post(f"/v1/{where}/unload", json={"model_id": "sdxl-toy"})

    assert (switched.status_code, switched.json["kind"]) == (202, "switch")
    assert (unloaded.status_code, unloaded.json["jobs"][0]["kind"]) == (202, "unload")
    assert web.post(f"/v1/{where}/switch", json={"model_id": "nobody"}).status_code == 404
    assert f"/v1/{where}/switch" in web.get("/openapi.json").json["paths"]


def test_a_model_says_all_that_a_form_and_a_card_of_it_need(web, services):
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy", "sdxl-starter")))
    Measurements(services.store.redis).add_time("sdxl-toy", "gpu0", LOAD, 1500)

    rows = {row["id"]: row for row in web.get("/v1/models").json["models"]}

    toy = rows["sdxl-toy"]
    assert all(row["good_at"] and row["licence"] for row in rows.values())
    assert (toy["load"]["seconds"], toy["load"]["basis"], toy["load"]["worker"]) == (1.5, "measured", "gpu0")
    assert rows["sdxl-starter"]["load"]["basis"] == "unknown"
    assert rows["sdxl"]["load"]["basis"] == "unserved"
    ddim = next(row for row in toy["samplers"] if row["name"] == "ddim")
    assert (ddim["label"], ddim["schedules"]) == ("DDIM", ["normal", "sgm_uniform"])
    assert rows["opennsfw"]["samplers"] == []
