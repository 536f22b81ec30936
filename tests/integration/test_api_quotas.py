"""A person at their limits, as they see it over HTTP: 429, which limit, how much of it, until when."""

import io

import pytest

from api.app import create_app
from api.services import auth
from api.services.gate import Gate
from shared.contracts.access import Limits, Role
from shared.contracts.jobs import State
from shared.errors import ArtifactStoreFull
from shared.jobs import lifecycle
from tests import workers_played
from tests.integration.jobs import claim
from tests.pictures import png

BODY = {"prompt": "a lamp", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 10, "seed": 5}


@pytest.fixture
def anna(services, monkeypatch):
    """A client whose caller has the limits that a test gives it."""
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))

    def limited(**limits):
        caller = auth.Caller("anna", Role.USER, limits=Limits(**limits))
        monkeypatch.setattr(Gate, "let_in", lambda self, asked, *, is_public: auth.NOBODY if is_public else caller)
        return create_app(services).test_client()

    return limited


def refusal(answer, code):
    assert (answer.status_code, answer.json["error"]["code"]) == (429, code), answer.json
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json["error"]["limit"] is not None
    return answer.json["error"]


def test_too_many_requests_are_told_when_the_next_may_come_and_probes_are_not_counted(anna):
    web = anna(requests_per_s=0.2)
    first = [web.get("/v1/jobs").status_code for _ in range(2)]

    said = refusal(web.get("/v1/jobs"), "rate_limited")

    assert first == [200, 200]
    assert said["limit"] == 0.2
    assert said["resets_at"]
    assert said["retryable"]
    assert all(web.get(probe).status_code != 429 for probe in ("/healthz", "/readyz"))


def test_facades_count_as_requests_too(anna):
    web = anna(requests_per_s=0.1)
    web.get("/v1/models")

    refusal(web.post("/v1/chat/completions", json={}), "rate_limited")


def test_a_job_beyond_the_unfinished_ones_is_refused_and_leaves_no_record(anna, services):
    web = anna(unfinished_jobs=1)
    web.post("/v1/generate", json=BODY)

    said = refusal(web.post("/v1/generate", json=BODY), "too_many_open")

    assert (said["limit"], said["used"]) == (1, 1)
    assert services.store.counts()["queued"] == 1


def test_a_retry_is_held_against_the_limits_too(anna, services):
    web = anna(unfinished_jobs=1)
    first = web.post("/v1/generate", json=BODY).json["id"]
    web.delete(f"/v1/jobs/{first}")
    web.post("/v1/generate", json=BODY)

    refusal(web.post(f"/v1/jobs/{first}/retry"), "too_many_open")


def test_a_batch_of_more_members_than_one_may_send_is_refused_whole(anna):
    web = anna(batch_members=2)

    said = refusal(web.post("/v1/batches", json={"prompts": ["a", "b", "c"]}), "batch_too_large")

    assert (said["limit"], said["used"], said["retryable"]) == (2, 3, False)


def test_a_form_of_more_files_than_one_may_send_is_refused_before_any_is_kept(anna, services):
    web = anna(batch_members=1)
    files = [(io.BytesIO(png()), f"{name}.png") for name in "ab"]

    refusal(web.post("/v1/batches", data={"files": files}), "batch_too_large")

    assert list(services.artifacts.ids()) == []


def test_a_chain_longer_than_the_jobs_one_may_have_is_refused_at_once(anna):
    steps = [{"kind": "generate"}, {"kind": "generate", "image": "@previous", "prompt": "b"}]

    said = refusal(
        anna(unfinished_jobs=1).post("/v1/batches", json={"prompts": ["a"], "steps": steps}), "batch_too_large"
    )

    assert said["field"] == "steps"


def test_an_upload_without_room_is_refused_and_nothing_is_stored(anna, services):
    web = anna(stored_mib=0)

    said = refusal(web.post("/v1/images", data=png(), content_type="image/png"), "storage_full")

    assert (said["limit"], said["used"]) == (0, 0)
    assert list(services.artifacts.ids()) == []


def test_a_picture_within_a_request_counts_as_an_upload(anna, services):
    web = anna(stored_mib=1)
    stored = web.post("/v1/images", data=png(), content_type="image/png").json

    used = services.quotas.what_is_left("anna", Limits(stored_mib=1)).stored_mib.used

    assert used == round(stored["size_bytes"] / 2**20, 3)


def test_what_could_not_be_stored_is_given_back(anna, services, monkeypatch):
    web = anna(stored_mib=1)

    def full(*_):
        raise ArtifactStoreFull("no room")

    monkeypatch.setattr(type(services.artifacts), "put", full)

    answer = web.post("/v1/images", data=png(), content_type="image/png")

    assert answer.status_code == 507
    assert services.quotas.storing() == []


def test_everybody_sees_what_they_have_left(anna, services):
    web = anna(unfinished_jobs=3, requests_per_s=10, batch_members=5)
    web.post("/v1/generate", json=BODY)

    usage = web.get("/v1/me").json["usage"]

    jobs, members = usage["unfinished_jobs"], usage["batch_members"]
    assert (jobs["limit"], jobs["used"], jobs["left"]) == (3, 1, 2)
    assert (members["limit"], members["left"]) == (5, 5)
    assert 0 < usage["requests_per_s"]["used"] <= 1
    assert usage["stored_mib"] == {"limit": None, "used": 0, "left": None, "resets_at": None}
    assert usage["gpu_s_per_day"]["resets_at"].endswith("T00:00:00.000+00:00")


def test_what_a_job_took_is_what_is_left_out_of_the_day(anna, services):
    web = anna(gpu_s_per_day=100)
    job_id = web.post("/v1/generate", json=BODY).json["id"]
    claim(services.store, job_id)
    services.store.move(job_id, lambda job, now: lifecycle.end(job, now, token="pen", state=State.SUCCEEDED, spent_s=4))

    left = services.quotas.what_is_left("anna", Limits(gpu_s_per_day=100)).gpu_s_per_day

    assert (left.used, left.left) == (4, 96)
    assert left.resets_at.endswith("T00:00:00.000+00:00")
