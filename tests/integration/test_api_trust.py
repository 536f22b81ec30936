"""Retries, orders to workers, full queues, and what is said of the future: the web side over a real Valkey."""

import base64
import os

import pytest

from api.app import create_app
from api.services import build_services
from shared.contracts.jobs import State, Timings
from shared.jobs import lifecycle
from shared.models.measurements import Measurements
from shared.redis import keys
from tests import workers_played
from tests.integration.jobs import job
from tests.pictures import png
from workers.execution.timing import record_timing

BODY = {"prompt": "a lamp", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 10, "seed": 5}


def send(web, **fields):
    answer = web.post("/v1/generate", json=BODY | fields)
    assert answer.status_code == 202, answer.json
    return answer.json


@pytest.fixture
def rack(services):
    """One living worker."""
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))


def fail(services, job_id):
    workers_played.start(services, job_id)
    services.store.move(job_id, lambda job, now: lifecycle.end(job, now, token="pen", state=State.FAILED))


# -- retry ---------------------------------------------------------------------------------------------------------------


def test_a_retry_is_a_new_job_with_the_same_parameters_and_both_name_each_other(web, services, rack):
    old = send(web, priority="high", deadline_s=50)
    fail(services, old["id"])

    answer = web.post(f"/v1/jobs/{old['id']}/retry")

    new = answer.json
    assert (answer.status_code, new["state"], new["attempt"]) == (202, "queued", 0)
    assert (new["params"], new["priority"], new["retry_of"]) == (old["params"], "high", old["id"])
    assert answer.headers["Location"] == f"/v1/jobs/{new['id']}"
    assert new["deadline_at"] > old["deadline_at"]
    assert web.get(f"/v1/jobs/{old['id']}").json["retried_as"] == new["id"]
    assert services.store.redis.llen("sdxl-toy.high") == 2


def test_asking_twice_gives_the_same_new_job(web, services, rack):
    old = send(web)
    fail(services, old["id"])

    ids = {web.post(f"/v1/jobs/{old['id']}/retry").json["id"] for _ in range(3)}

    assert len(ids) == 1


def test_a_cancelled_job_can_be_retried_too(web, rack):
    old = send(web)
    web.delete(f"/v1/jobs/{old['id']}")

    assert web.post(f"/v1/jobs/{old['id']}/retry").status_code == 202


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_what_has_not_failed_cannot_be_retried(web, services, rack, state):
    job_id = send(web)["id"]
    if state != "queued":
        workers_played.start(services, job_id)
    if state == "succeeded":
        workers_played.succeed(services, job_id)

    answer = web.post(f"/v1/jobs/{job_id}/retry")

    assert (answer.status_code, answer.json["error"]["code"]) == (409, "illegal_move")


def test_a_retry_of_nothing_is_not_found(web):
    assert web.post("/v1/jobs/job_" + "0" * 24 + "/retry").status_code == 404


# -- orders --------------------------------------------------------------------------------------------------------------


def test_a_worker_is_told_to_drain_and_to_resume(web, services, rack):
    drained = web.post("/v1/workers/gpu0/drain")
    was_paused = services.registry.is_paused("gpu0")
    resumed = web.post("/v1/workers/gpu0/resume")

    assert (drained.status_code, drained.json) == (202, {"worker": "gpu0", "is_paused": True, "jobs": []})
    assert (resumed.status_code, resumed.json["is_paused"]) == (202, False)
    assert was_paused
    assert not services.registry.is_paused("gpu0")


def test_a_worker_that_nobody_knows_is_not_found(web, rack):
    answer = web.post("/v1/workers/gpu7/drain")

    assert answer.status_code == 404
    assert "gpu0" in answer.json["error"]["message"]


def test_a_drained_worker_that_is_away_can_still_be_resumed(web, services):
    services.registry.pause("gpu0")

    assert web.post("/v1/workers/gpu0/resume").status_code == 202


# -- full queues ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [("max_queued_jobs", 503, "queue_full"), ("max_queued_jobs_per_caller", 429, "too_many_requests")],
)
def test_a_full_queue_says_when_to_come_back(settings, limit, status, code):
    services = build_services(settings.model_copy(update={limit: 1}))
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))
    web = create_app(services).test_client()
    send(web)

    answer = web.post("/v1/generate", json=BODY)

    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert 1 <= int(answer.headers["Retry-After"]) <= 300


# -- the future ----------------------------------------------------------------------------------------------------------


def taught(services, took):
    """One run of such a job on gpu0, its model loaded for it."""
    params = {"width": 64, "height": 64, "steps": 10, "n": 1}
    record_timing(
        Measurements(services.store.redis), "gpu0", [job(model="sdxl-toy", params=params)], took, has_loaded=True
    )


def test_a_queued_job_has_a_place_but_no_eta_before_anything_was_measured(web, rack):
    send(web)

    queue = send(web)["queue"]

    assert (queue["position"], queue["eta_s"]) == (1, None)


def test_an_eta_comes_from_what_runs_taught(web, services, rack):
    taught(services, Timings(loading_ms=2000, running_ms=1000))
    send(web)

    queue = send(web, steps=20)["queue"]

    # The model is not loaded (2 s), a job of 1 s is ahead, then 20 steps of 0.1 s.
    assert (queue["position"], queue["eta_s"]) == (1, 2.0 + 1.0 + 2.0)


def test_the_steps_that_a_picture_from_a_picture_leaves_out_neither_teach_nor_count(web, services, rack):
    params = {"width": 64, "height": 64, "steps": 20, "n": 1, "image": "img_1", "strength": 0.5}
    took = Timings(loading_ms=2000, running_ms=1000)
    record_timing(
        Measurements(services.store.redis), "gpu0", [job(model="sdxl-toy", params=params)], took, has_loaded=True
    )
    image = base64.b64encode(png()).decode()

    # Ten steps of 0.1 s were run, and ten of these twenty will be; the model takes 2 s to load.
    assert send(web, steps=20, image=image, strength=0.5)["queue"]["eta_s"] == 2.0 + 1.0
    assert send(web, steps=20)["queue"]["eta_s"] == 2.0 + 1.0 + 2.0


def test_nothing_is_promised_when_no_living_worker_serves_the_model(web, services):
    taught(services, Timings(loading_ms=2000, running_ms=1000))

    queue = send(web)["queue"]

    assert queue["eta_s"] is None
    assert queue["waits"] == {"code": "no_worker", "message": "no worker lives"}


# -- retention -----------------------------------------------------------------------------------------------------------


def test_an_expired_record_answers_gone(web, services, rack):
    job_id = send(web)["id"]
    services.store.redis.delete(keys.job(job_id))  # what its TTL does, see test_job_store

    assert web.get(f"/v1/jobs/{job_id}").status_code == 410
    assert web.post(f"/v1/jobs/{job_id}/retry").status_code == 410


def test_an_expired_picture_answers_gone(settings):
    services = build_services(settings.model_copy(update={"artifact_ttl_s": 1}))
    web = create_app(services).test_client()
    artifact_id = services.artifacts.put(b"bytes")
    path = services.artifacts._path(artifact_id)
    os.utime(path, (1, 1))

    assert sum(services.artifacts.expire(part) for part in range(services.artifacts.parts)) == 1

    assert web.get(f"/v1/images/{artifact_id}").status_code == 410
