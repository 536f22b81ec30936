"""`POST /v1/generate` against a real server."""

import base64
import threading

import pytest

from api.app import create_app
from api.services import build_services
from tests import workers_played
from tests.pictures import case, png

PROMPT = {"prompt": "a red house in the snow"}


def test_a_prompt_is_accepted_with_its_record_and_its_place(web):
    answer = web.post("/v1/generate", json=PROMPT)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert answer.json["state"] == "queued"
    assert answer.json["queue"]["position"] == 0


def test_the_record_shows_every_effective_value(web, services):
    services.registry.report(workers_played.report(models=("sdxl-toy",)))
    toy = services.catalogue.get("sdxl-toy").defaults

    params = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-toy"}).json["params"]

    assert params["steps"] == toy.steps
    assert params["scheduler"] == toy.scheduler
    assert (params["width"], params["height"]) == (toy.width, toy.height)
    assert isinstance(params["seed"], int)


def test_the_message_on_the_queue_names_the_job_and_nothing_else(web, services):
    record = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-toy"}).json

    raw = services.store.redis.lindex("sdxl-toy.normal", 0).decode()

    assert record["id"] in raw
    assert "red house" not in raw


@pytest.mark.parametrize(
    ("spelling", "name"), [("Euler a", "euler_ancestral"), ("DPM++ 2M Karras", "dpmpp_2m_karras"), ("lcm", "lcm")]
)
def test_schedulers_are_understood_in_the_fields_spellings(web, spelling, name):
    assert web.post("/v1/generate", json=PROMPT | {"scheduler": spelling}).json["params"]["scheduler"] == name


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"scheduler": "dpmpp_2m", "schedule": "Karras"}, ("dpmpp_2m", "karras")),
        ({"scheduler": "DPM++ 2M Karras"}, ("dpmpp_2m_karras", "karras")),
        ({"scheduler": "Euler a Karras"}, ("euler_ancestral", "karras")),
        ({"scheduler": "dpmpp_3m_sde", "schedule": None}, ("dpmpp_3m_sde", "normal")),
        ({"schedule": "beta"}, ("euler", "beta")),  # the starter's own is euler_trailing
        ({"schedule": "automatic"}, ("euler_trailing", "sgm_uniform")),
        ({}, ("euler_trailing", "sgm_uniform")),
    ],
)
def test_the_record_says_sampler_and_schedule(web, asked, shown):
    params = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-starter"} | asked).json["params"]

    assert (params["scheduler"], params["schedule"]) == shown


def test_a_contradiction_is_refused_and_both_are_named(web):
    answer = web.post("/v1/generate", json=PROMPT | {"scheduler": "dpmpp_2m_karras", "schedule": "exponential"})

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == "schedule"
    assert all(name in answer.json["error"]["message"] for name in ("dpmpp_2m_karras", "exponential"))


@pytest.mark.parametrize("seed", ["-1", "null", "-1.0", "-1e0"])
def test_a_seed_is_drawn_where_everybody_would_have_one_drawn(web, seed):
    bodies = [f'{{"prompt": "x", "seed": {seed}}}'] * 2
    drawn = [web.post("/v1/generate", data=b, content_type="application/json").json["params"]["seed"] for b in bodies]

    assert all(0 <= each < 2**32 for each in drawn)
    assert drawn[0] != drawn[1]


def test_whole_numbers_are_integers_however_they_are_written(web):
    body = '{"prompt": "x", "steps": 7.0, "width": 128.0, "seed": 3e2, "n": 2.0, "guidance_scale": 2.0}'

    params = web.post("/v1/generate", data=body, content_type="application/json").json["params"]

    assert (params["steps"], params["width"], params["seed"], params["n"]) == (7, 128, 300, 2)


def test_a_body_may_begin_with_a_byte_order_mark(web):
    assert (
        web.post("/v1/generate", data=b'\xef\xbb\xbf{"prompt": "x"}', content_type="application/json").status_code
        == 202
    )


def test_priorities_go_first_in_the_queue(web):
    web.post("/v1/generate", json=PROMPT | {"model": "sdxl-toy"})
    low = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-toy", "priority": "low"}).json
    high = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-toy", "priority": "high"}).json

    assert high["queue"]["position"] == 0
    assert web.get(f"/v1/jobs/{low['id']}").json["queue"]["position"] == 2


@pytest.mark.parametrize("as_text", ["data uri", "base64", "stored id"])
def test_a_starting_picture_may_come_in_three_ways(web, as_text):
    encoded = base64.b64encode(png()).decode()
    image = {
        "data uri": f"data:image/png;base64,{encoded}",
        "base64": encoded,
        "stored id": web.post("/v1/images", data=png(), content_type="image/png").json["id"],
    }[as_text]

    params = web.post("/v1/generate", json=PROMPT | {"image": image, "strength": 0.5}).json["params"]

    assert web.get(f"/v1/images/{params['image']}").data == png()
    assert params["strength"] == 0.5


def test_the_same_key_and_body_name_the_same_job(web):
    first = web.post("/v1/generate", json=PROMPT, headers={"Idempotency-Key": "k1"}).json
    again = web.post("/v1/generate", json=PROMPT, headers={"Idempotency-Key": "k1"}).json

    assert again == first


def test_the_same_key_with_another_body_is_refused(web):
    web.post("/v1/generate", json=PROMPT, headers={"Idempotency-Key": "k1"})
    other = web.post("/v1/generate", json={"prompt": "a boat"}, headers={"Idempotency-Key": "k1"})

    assert other.status_code == 409
    assert other.json["error"]["code"] == "idempotency_mismatch"


def test_parallel_repeats_make_one_job(services, web):
    app, ids = web.application, []

    def send() -> None:
        answer = app.test_client().post("/v1/generate", json=PROMPT, headers={"Idempotency-Key": "k"})
        ids.append(answer.json["id"])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert services.store.counts()["queued"] == 1


def test_a_model_without_weights_is_refused_with_the_command_that_fetches_it(web):
    answer = web.post("/v1/generate", json=PROMPT | {"model": "sdxl-anime"})

    assert answer.status_code == 409
    assert answer.json["error"]["code"] == "model_missing"
    assert "darkroom pull sdxl-anime" in answer.json["error"]["message"]


def test_a_model_that_a_living_worker_serves_is_accepted_although_its_weights_are_elsewhere(web, services):
    services.registry.report(workers_played.report(models=("sdxl-anime",)))

    assert web.post("/v1/generate", json=PROMPT | {"model": "sdxl-anime"}).status_code == 202


def test_a_job_that_fits_no_card_is_refused_with_the_numbers(web, services):
    for name, budget_mib in (("gpu0", 7500), ("gpu1", 4000)):
        services.registry.report(workers_played.report(name, budget_mib=budget_mib, too_large={"sdxl": 9800}))

    error = web.post("/v1/generate", json=PROMPT | {"model": "sdxl"}).json["error"]

    assert error["code"] == "does_not_fit"
    assert "9,800" in error["message"]
    assert "7,500" in error["message"]


def test_an_unknown_model_is_not_found_and_the_known_ones_are_listed(web):
    answer = web.post("/v1/generate", json=PROMPT | {"model": "dall-e"})

    assert answer.status_code == 404
    assert "sdxl-toy" in answer.json["error"]["message"]


def test_prefer_wait_holds_the_answer_until_the_job_ends(web, services):
    worker = threading.Thread(target=_play_one_job, args=(services,))
    worker.start()

    answer = web.post("/v1/generate", json=PROMPT, headers={"Prefer": "wait=20"})
    worker.join()

    assert answer.json["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_prefer_wait_answers_with_the_record_as_it_stands_when_time_is_up(web):
    answer = web.post("/v1/generate", json=PROMPT, headers={"Prefer": "respond-async, wait=1"})

    assert answer.status_code == 202
    assert answer.json["state"] == "queued"


def test_a_full_queue_says_when_to_come_back(services, settings):
    web = create_app(build_services(settings.model_copy(update={"max_queued_jobs": 1}))).test_client()
    web.post("/v1/generate", json=PROMPT)

    answer = web.post("/v1/generate", json=PROMPT)

    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "queue_full"
    assert int(answer.headers["Retry-After"]) >= 1


def _play_one_job(services) -> None:
    job_id = workers_played.next_queued(services)
    workers_played.start(services, job_id)
    workers_played.step(services, job_id, 4)
    workers_played.succeed(services, job_id)


@pytest.mark.parametrize("stored", [False, True])
def test_a_remix_without_a_size_keeps_the_pictures_upright_aspect(web, stored):
    image = base64.b64encode(case("exif6.jpg")).decode()
    if stored:
        image = web.post("/v1/images", data=case("exif6.jpg"), content_type="image/jpeg").json["id"]

    params = web.post("/v1/generate", json=PROMPT | {"image": image, "model": "sdxl-starter"}).json["params"]

    assert (params["width"], params["height"]) == (112, 144)


def test_a_remix_with_a_size_has_that_size(web):
    image = base64.b64encode(case("exif6.jpg")).decode()

    asked = PROMPT | {"image": image, "model": "sdxl-starter", "width": 128, "height": 64}

    params = web.post("/v1/generate", json=asked).json["params"]
    assert (params["width"], params["height"]) == (128, 64)
