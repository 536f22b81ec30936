"""Everything belongs to its person: others see nothing of it, whatever they ask, over a real Valkey."""

import base64

import pytest

from api.app import create_app
from api.services import build_services
from shared.contracts.jobs import State
from shared.jobs.owners import FormerJobs
from shared.jobs.store import Idempotency
from shared.pictures.references import PictureReferences
from shared.redis import keys
from tests import batches_played, workers_played
from tests.integration.jobs import claim, job
from tests.people_played import ADA, ANNA, BORIS, OLGA, web_of
from tests.pictures import png

BODY = {"prompt": "a secret lamp", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 2, "seed": 5}
ASK = {"tasks": [{"task": "rating"}]}
NO_JOB = "job_" + "0" * 24
NO_PICTURE = "img_" + "0" * 32


@pytest.fixture(autouse=True)
def rack(services):
    """One living worker that serves everything."""
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))


@pytest.fixture
def anna(services):
    return web_of(services, ANNA)


@pytest.fixture
def boris(services):
    return web_of(services, BORIS)


@pytest.fixture
def olga(services):
    return web_of(services, OLGA)


@pytest.fixture
def ada(services):
    return web_of(services, ADA)


def sent(web, **fields):
    answer = web.post("/v1/generate", json=BODY | fields)
    assert answer.status_code == 202, answer.json
    return answer.json["id"]


def uploaded(web, data=None):
    return web.post("/v1/images", data=data or png(), content_type="image/png").json["id"]


def done(services, web, picture: bytes = b"", **fields):
    """A job of this person's that succeeded, and the picture it made."""
    made = services.artifacts.put(picture or png(11, 7))
    job_id = sent(web, **fields)
    workers_played.start(services, job_id)
    workers_played.succeed(services, job_id, image_ids=(made,))
    return job_id, made


def same_words(answer, known: str, fresh: str) -> tuple[int, str]:
    """What was answered, with the id that was asked for in place of the one that never existed."""
    return answer.status_code, answer.text.replace(known, fresh)


# -- jobs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/preview"), ("GET", "?wait=5")]
)
def test_anothers_job_answers_as_one_that_never_existed(services, anna, boris, method, path):
    theirs = sent(anna)
    never = boris.open(f"/v1/jobs/{NO_JOB}{path}", method=method)

    answer = boris.open(f"/v1/jobs/{theirs}{path}", method=method)

    assert same_words(answer, theirs, NO_JOB) == (404, never.text)
    assert services.store.get(theirs).state == State.QUEUED


def test_anothers_ids_in_a_poll_look_unknown(anna, boris):
    theirs, own = sent(anna), sent(boris)

    rows = boris.get(f"/v1/jobs?ids={theirs},{own},{NO_JOB}").json["jobs"]

    assert [(row["id"], row["state"]) for row in rows] == [(theirs, "unknown"), (own, "queued"), (NO_JOB, "unknown")]
    assert rows[0].keys() == rows[2].keys()


def test_an_expired_job_is_gone_to_its_owner_and_never_was_to_others(services, anna, boris, olga):
    theirs = sent(anna)
    services.store.redis.delete(keys.job(theirs))

    assert anna.get(f"/v1/jobs/{theirs}").status_code == olga.get(f"/v1/jobs/{theirs}").status_code == 410
    assert boris.get(f"/v1/jobs/{theirs}").status_code == boris.delete(f"/v1/jobs/{theirs}").status_code == 404
    states = [web.get(f"/v1/jobs?ids={theirs}").json["jobs"][0]["state"] for web in (anna, boris, olga)]
    assert states == ["gone", "unknown", "gone"]


def test_a_list_has_only_ones_own_and_an_operators_has_all(anna, boris, olga):
    first, second, third = sent(anna), sent(boris), sent(anna)

    def listed(web, query=""):
        return [row["id"] for row in web.get(f"/v1/jobs{query}").json["jobs"]]

    assert listed(anna) == [third, first]
    assert listed(boris) == [second]
    assert listed(olga) == [third, second, first]
    assert listed(olga, "?owner=anna") == [third, first]
    assert listed(boris, "?owner=boris") == [second]
    assert {row["owner"] for row in olga.get("/v1/jobs").json["jobs"]} == {"anna", "boris"}


def test_asking_for_the_list_of_another_is_refused_alike_whether_they_exist(anna, boris):
    sent(anna)

    known, never = boris.get("/v1/jobs?owner=anna"), boris.get("/v1/jobs?owner=nobody")

    assert known.status_code == never.status_code == 403
    assert known.json["error"]["code"] == "role_needed"
    assert known.json == never.json
    assert boris.get("/v1/batches?owner=anna").json == never.json


def test_pages_of_ones_own_in_one_state_are_exact_beside_those_of_others(services, anna, boris):
    own = []
    for _ in range(5):
        own.append(sent(anna))
        sent(boris)
    for job_id in own[1:4]:
        workers_played.start(services, job_id)
    workers_played.succeed(services, own[2])

    pages, cursor = [], ""
    while cursor is not None:
        page = anna.get(f"/v1/jobs?state=running&limit=1&cursor={cursor}").json
        pages.append([row["id"] for row in page["jobs"]])
        cursor = page["next_cursor"]

    assert pages == [[own[3]], [own[1]], []]
    assert [row["id"] for row in anna.get("/v1/jobs?state=succeeded").json["jobs"]] == [own[2]]
    assert [row["id"] for row in anna.get("/v1/jobs?state=queued").json["jobs"]] == [own[4], own[0]]


def test_a_forgotten_job_leaves_its_owners_lists(services, anna):
    theirs = sent(anna)
    services.store.redis.delete(keys.job(theirs))

    services.store.forget(theirs)

    assert services.store.redis.zcard(keys.owned_jobs("anna")) == 0
    assert services.store.redis.zcard(keys.owned_jobs("anna", "queued")) == 0


def test_an_operator_may_cancel_and_retry_and_the_new_job_is_still_its_owners(anna, boris, olga):
    theirs = sent(anna)

    assert olga.delete(f"/v1/jobs/{theirs}").json["state"] == "cancelled"
    again = olga.post(f"/v1/jobs/{theirs}/retry").json

    assert again["owner"] == "anna"
    assert anna.get(f"/v1/jobs/{again['id']}").status_code == 200
    assert boris.get(f"/v1/jobs/{again['id']}").status_code == 404


def test_the_status_names_no_job_of_others(services, anna, boris, olga):
    theirs, own = sent(anna), sent(boris)
    for job_id in (theirs, own):
        workers_played.start(services, job_id)
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",), jobs=(theirs, own)))

    answer = boris.get("/v1/status")

    assert theirs not in answer.text
    (worker,) = answer.json["workers"]
    assert (worker["jobs"], worker["others_jobs"], [row["id"] for row in worker["running"]]) == ([own], 1, [own])
    assert olga.get("/v1/status").json["workers"][0]["jobs"] == [theirs, own]


def test_the_queue_shows_of_others_only_kind_size_and_eta(services, anna, boris, olga):
    running, waiting, own = sent(anna), sent(anna, steps=7), sent(boris)
    workers_played.start(services, running)

    answer = boris.get("/v1/queue")

    assert not [word for word in (running, waiting, "anna", "secret", "sdxl-toy") if word in answer.text.split(own)[0]]
    (first,), (second, third) = answer.json["running"], answer.json["queued"]
    seen = {"kind": "generate", "size": "64x64", "units": 7, "eta_s": second["eta_s"], "mine": False}
    assert {name: value for name, value in second.items() if value is not None} == {
        name: value for name, value in seen.items() if value is not None
    }
    assert (first["mine"], first["id"], third["mine"], third["id"]) == (False, None, True, own)
    assert [row["id"] for row in olga.get("/v1/queue").json["queued"]] == [waiting, own]


# -- batches -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/members"),
        ("POST", "/cancel"),
        ("POST", "/resume"),
        ("GET", "/export.jsonl"),
        ("GET", "/export.csv"),
        ("GET", "/export.xmp.zip"),
    ],
)
def test_anothers_batch_answers_as_one_that_never_existed(services, anna, boris, method, path):
    theirs = batches_played.start(anna, prompts=["a secret lamp"])["id"]
    fresh = "bat_" + "0" * 24
    never = boris.open(f"/v1/batches/{fresh}{path}", method=method)

    answer = boris.open(f"/v1/batches/{theirs}{path}", method=method)

    assert same_words(answer, theirs, fresh) == (404, never.text)
    assert services.batches.get(theirs).state == "running"


def test_a_deleted_batch_is_gone_to_its_owner_and_never_was_to_others(anna, boris):
    theirs = batches_played.start(anna, prompts=["a lamp"])["id"]
    anna.delete(f"/v1/batches/{theirs}")

    assert anna.get(f"/v1/batches/{theirs}").status_code == 410
    assert boris.get(f"/v1/batches/{theirs}").status_code == 404


def test_a_list_of_batches_has_only_ones_own(anna, boris, olga):
    first, second = (batches_played.start(web, prompts=["a lamp"])["id"] for web in (anna, boris))

    def listed(web, query=""):
        return [row["id"] for row in web.get(f"/v1/batches{query}").json["batches"]]

    assert (listed(anna), listed(boris), listed(olga)) == ([first], [second], [second, first])
    assert listed(olga, "?owner=anna") == [first]
    anna.delete(f"/v1/batches/{first}")
    assert listed(anna) == []


def test_jobs_and_pictures_of_a_batch_are_its_owners(services, anna, boris):
    batch = batches_played.start(anna, prompts=["a lamp"])
    made = services.artifacts.put(png(13, 13))
    batches_played.run_all(services, lambda job: (State.SUCCEEDED, {"images": [{"id": made}]}, None))

    (row,) = anna.get("/v1/jobs").json["jobs"]

    assert row["batch"] == batch["id"]
    assert boris.get(f"/v1/jobs/{row['id']}").status_code == 404
    assert anna.get(f"/v1/images/{made}").data == png(13, 13)
    assert boris.get(f"/v1/images/{made}").status_code == 404


def test_a_members_foreign_picture_fails_like_an_unknown_one(services, anna, boris):
    theirs = uploaded(anna)
    steps = [{"kind": "analyze", "tasks": [{"task": "rating"}]}]

    batch = batches_played.start(boris, images=[theirs, NO_PICTURE], steps=steps)

    first, second = batches_played.members(boris, batch)
    assert first["error"]["message"].replace(theirs, NO_PICTURE) == second["error"]["message"]
    assert {row["state"] for row in (first, second)} == {"failed"}


# -- who did what to whom ------------------------------------------------------------------------------------------------


def test_what_an_operator_does_to_anothers_is_told_and_what_one_does_to_ones_own_is_not(services, anna, olga):
    theirs, batch = sent(anna), batches_played.start(anna, prompts=["a lamp"])["id"]
    own = sent(olga)
    anna.delete(f"/v1/jobs/{sent(anna)}")
    olga.delete(f"/v1/jobs/{own}")

    olga.delete(f"/v1/jobs/{theirs}")
    olga.post(f"/v1/jobs/{theirs}/retry")
    olga.post(f"/v1/batches/{batch}/cancel")
    olga.post(f"/v1/batches/{batch}/resume")
    olga.delete(f"/v1/batches/{batch}")

    told, _ = services.audit.page(20)
    done = [entry for entry in told if entry.what.value.startswith(("job.", "batch."))]
    deeds = [(entry.what.value, entry.target, entry.details["person"]) for entry in done]
    assert deeds == [
        ("batch.deleted", batch, "anna"),
        ("batch.resumed", batch, "anna"),
        ("batch.cancelled", batch, "anna"),
        ("job.changed", theirs, "anna"),
        ("job.cancelled", theirs, "anna"),
    ]
    assert {entry.who for entry in done} == {"olga"}


# -- pictures ------------------------------------------------------------------------------------------------------------


def test_knowing_a_pictures_id_opens_nothing(anna, boris, olga, ada):
    theirs = uploaded(anna)
    never = boris.get(f"/v1/images/{NO_PICTURE}")

    assert same_words(boris.get(f"/v1/images/{theirs}"), theirs, NO_PICTURE) == (404, never.text)
    assert boris.get(f"/v1/images/{theirs}?width=16").status_code == 404
    assert boris.head(f"/v1/images/{theirs}").status_code == 404
    assert boris.get(f"/v1/images/{theirs}", headers={"If-None-Match": f'"{theirs}"'}).status_code == 404
    assert [web.get(f"/v1/images/{theirs}").status_code for web in (anna, olga, ada)] == [200, 200, 200]


def test_whoever_sends_the_same_bytes_may_open_them_too(anna, boris):
    assert uploaded(anna) == uploaded(boris)

    assert boris.get(f"/v1/images/{uploaded(anna)}").status_code == 200


def test_what_a_job_made_opens_to_its_owner_at_the_very_move(services, anna, boris):
    _, made = done(services, anna)

    assert services.store.redis.smembers(keys.picture_of(made)) == {b"anna"}
    assert anna.get(f"/v1/images/{made}").status_code == 200
    assert boris.get(f"/v1/images/{made}").status_code == 404


def test_an_inline_picture_opens_to_whoever_sent_it(anna, boris):
    data = "data:image/png;base64," + base64.b64encode(png(9, 9)).decode()

    image_id = anna.post("/v1/analyze", json=ASK | {"image": data}).json["params"]["image"]

    assert anna.get(f"/v1/images/{image_id}").status_code == 200
    assert boris.get(f"/v1/images/{image_id}").status_code == 404


@pytest.mark.parametrize("path", ["/v1/generate", "/v1/analyze", "/v1/chat/completions"])
def test_a_job_from_a_foreign_picture_is_refused_like_one_from_an_unknown_one(services, anna, boris, path):
    theirs = uploaded(anna)

    def asked(image_id):
        url = {"type": "image_url", "image_url": {"url": image_id}}
        bodies = {
            "/v1/generate": BODY | {"image": image_id, "strength": 0.9},
            "/v1/analyze": ASK | {"image": image_id},
            "/v1/chat/completions": {"messages": [{"role": "user", "content": [url]}]},
        }
        return boris.post(path, json=bodies[path])

    answer = asked(theirs)

    assert same_words(answer, theirs, NO_PICTURE) == (404, asked(NO_PICTURE).text)
    assert services.store.counts()["queued"] == 0


def test_an_id_in_a_prompt_is_no_reference(services, anna, boris):
    theirs = uploaded(anna)
    job_id = sent(boris, prompt=theirs, negative_prompt=theirs)
    workers_played.start(services, job_id)
    workers_played.succeed(services, job_id)

    assert boris.get(f"/v1/images/{theirs}").status_code == 404


def test_a_picture_without_any_reference_is_the_administrators(services, anna, olga, ada):
    stored = services.artifacts.put(png(5, 5))

    assert [web.get(f"/v1/images/{stored}").status_code for web in (anna, olga, ada)] == [404, 404, 200]


def test_a_lost_reference_is_found_again_in_its_owners_record(services, anna, boris):
    _, made = done(services, anna)
    services.store.redis.delete(keys.picture_of(made))

    assert boris.get(f"/v1/images/{made}").status_code == 404
    assert anna.get(f"/v1/images/{made}").status_code == 200
    assert services.store.redis.sismember(keys.picture_of(made), "anna")


def test_a_reference_outlives_its_picture_and_lives_on_with_every_use(services, anna):
    theirs = uploaded(anna)
    services.store.redis.expire(keys.picture_of(theirs), 60)

    anna.get(f"/v1/images/{theirs}")

    assert services.store.redis.ttl(keys.picture_of(theirs)) > services.settings.artifact_ttl_s


def test_no_cache_on_the_way_keeps_a_picture_for_others(anna):
    theirs = uploaded(anna)

    for query in ("", "?width=16"):
        headers = anna.get(f"/v1/images/{theirs}{query}").headers
        assert "private" in headers["Cache-Control"]
        assert "Authorization" in headers["Vary"]


def test_what_is_kept_stays_open_to_its_owner_without_an_end(services, anna):
    theirs = uploaded(anna)
    references = PictureReferences(services.store.redis, services.settings)

    references.add("anna", [theirs], are_kept=True)
    anna.get(f"/v1/images/{theirs}")
    uploaded(anna)

    assert services.store.redis.ttl(keys.picture_of(theirs)) == -1
    references.let_go([theirs])
    assert services.store.redis.ttl(keys.picture_of(theirs)) > services.settings.artifact_ttl_s


# -- what was done before ------------------------------------------------------------------------------------------------


def test_the_answer_to_one_person_is_not_taken_over_for_another(services, anna, boris):
    batches_played.workers_with(services)
    image = uploaded(anna)
    assert uploaded(boris) == image
    for web, ran in ((anna, 1), (boris, 1), (anna, 0), (boris, 0)):
        batches_played.start(web, images=[image], steps=[batches_played.ASK])
        assert len(batches_played.run_all(services)) == ran


def test_two_persons_may_use_the_same_idempotency_key(anna, boris):
    headers = {"Idempotency-Key": "one"}

    first = anna.post("/v1/generate", json=BODY, headers=headers).json["id"]
    second = boris.post("/v1/generate", json=BODY, headers=headers).json["id"]

    assert first != second
    assert anna.post("/v1/generate", json=BODY, headers=headers).json["id"] == first


def test_an_idempotency_key_that_an_address_used_before_still_names_its_job(services, web):
    headers = {"Idempotency-Key": "one"}
    before = web.post("/v1/generate", json=BODY, headers=headers).json["id"]
    services.store.redis.rename(keys.idempotency("local", "one"), keys.idempotency("127.0.0.1", "one"))

    again = web.post("/v1/generate", json=BODY, headers=headers)
    other = web.post("/v1/generate", json=BODY | {"seed": 6}, headers=headers)

    assert (again.json["id"], other.status_code) == (before, 409)


def test_a_batchs_idempotency_key_that_an_address_used_before_still_names_it(services, web):
    record = {"prompts": ["a lamp"], "steps": [batches_played.STEP]}
    headers = {"Idempotency-Key": "one"}
    before = web.post("/v1/batches", json=record, headers=headers).json["id"]
    services.store.redis.rename(keys.idempotency("local", "one"), keys.idempotency("127.0.0.1", "one"))

    assert web.post("/v1/batches", json=record, headers=headers).json["id"] == before
    assert services.batches.page(10, None)[0] == [before]


def test_a_named_person_gets_nothing_by_an_addresss_idempotency_key(services, anna):
    services.store.create(job(caller="127.0.0.1"), idempotency=Idempotency("one", "hash"))

    assert anna.post("/v1/generate", json=BODY, headers={"Idempotency-Key": "one"}).status_code == 202


# -- from before ---------------------------------------------------------------------------------------------------------


def forget_owners(services):
    """As an earlier version left it."""
    redis = services.store.redis
    stale = [*redis.scan_iter(keys.OWNED + "*"), *redis.scan_iter(keys.picture_of("*"))]
    redis.delete(*stale)
    for key in redis.scan_iter(keys.gone("*")):
        redis.set(key, "1", keepttl=True)


def test_records_from_before_owners_were_indexed_are_listed_and_open_their_pictures(services, anna, boris, settings):
    old, made = done(services, anna, png(21, 21))
    running = sent(anna)
    claim(services.store, running)
    batch = batches_played.start(anna, prompts=["a lamp"])["id"]
    forget_owners(services)
    upgraded = web_of(build_services(settings), ANNA)

    assert [row["id"] for row in upgraded.get("/v1/jobs").json["jobs"]] == [running, old]
    assert [row["id"] for row in upgraded.get("/v1/jobs?state=running").json["jobs"]] == [running]
    assert [row["id"] for row in upgraded.get("/v1/batches").json["batches"]] == [batch]
    assert upgraded.get(f"/v1/images/{made}").status_code == 200
    services.store.redis.delete(keys.job(old))
    assert upgraded.get(f"/v1/jobs/{old}").status_code == 410
    assert boris.get(f"/v1/jobs/{old}").status_code == 404


def test_what_belonged_to_an_address_is_the_administrators(services, anna, ada):
    old = services.store.create(job(caller="10.0.0.7"))[0].id

    assert ada.get(f"/v1/jobs/{old}").status_code == 200
    assert anna.get(f"/v1/jobs/{old}").status_code == 404


def test_owners_are_indexed_once(services, settings, anna):
    sent(anna)
    forget_owners(services)
    FormerJobs(services.store, settings).adopt()
    services.store.redis.delete(keys.owned_jobs("anna"))

    FormerJobs(services.store, settings).adopt()

    assert services.store.redis.zcard(keys.owned_jobs("anna")) == 0


def test_thousands_of_records_are_indexed_in_steps(services, settings, monkeypatch):
    monkeypatch.setattr("shared.jobs.owners.AT_ONCE", 3)
    for _ in range(8):
        services.store.create(job(caller="anna"))
    forget_owners(services)

    FormerJobs(services.store, settings).adopt()

    assert services.store.redis.zcard(keys.owned_jobs("anna")) == 8


# -- Redis away ----------------------------------------------------------------------------------------------------------


def test_without_redis_nothing_is_allowed(services, settings):
    closed = build_services(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))
    stored = services.artifacts.put(png())

    for path in (f"/v1/images/{stored}", f"/v1/jobs/{NO_JOB}", "/v1/jobs", "/v1/queue"):
        answer = create_app(closed).test_client().get(path)
        assert answer.status_code == 503, answer.text
