"""Pictures are rated by jobs of the house, and served as `DARKROOM_RATING` says, over a real Valkey."""

import base64
import io
from types import SimpleNamespace

import pytest
from PIL import Image

from api.services import build_services
from shared.contracts.jobs import Failure, State
from shared.errors import InvalidRequest
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.queue.rating_jobs import RatingJobs
from shared.redis import keys
from tests import batches_played, workers_played
from tests.people_played import ADA, ANNA, BORIS, OLGA, web_of
from tests.pictures import png
from workers.execution.endings import Endings
from workers.execution.kinds.base import Outcome
from workers.execution.progress import Claim
from workers.execution.timing import Stopwatch

BODY = {"prompt": "a lamp", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 2, "seed": 5}


@pytest.fixture
def house(settings):
    """Services that rate pictures, by mode."""

    def of(mode: str, **more):
        made = build_services(settings.model_copy(update={"rating": mode, **more}))
        made.registry.report(workers_played.report("gpu0", models=tuple(made.catalogue.cards)))
        return made

    return of


def uploaded(web, data=b""):
    answer = web.post("/v1/images", data=data or png(64, 48), content_type="image/png")
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def waiting_ratings(services):
    return [job for job in batches_played.queued(services) if job.rates]


def rate(services, nsfw: float | None, *, tells: bool = True):
    """Do the one rating that waits; without a score it fails."""
    (job,) = waiting_ratings(services)
    workers_played.start(services, job.id)
    if nsfw is None:
        how = {"state": State.FAILED, "error": Failure(code="engine_failed", message="broke")}
    else:
        answer = {"task": "rating", "ok": True, "model": job.model, "answer": {"nsfw": nsfw, "is_nsfw": nsfw >= 0.5}}
        how = {"state": State.SUCCEEDED, "result": {"image": job.rates, "answers": [answer]}}
    ended = services.store.move(job.id, lambda j, now: lifecycle.end(j, now, token="pen", **how))
    if tells:
        services.ratings.settle(ended)
    return job


# -- asking --------------------------------------------------------------------------------------------------------------


def test_nothing_is_rated_where_nobody_asked_for_it(services, web):
    image_id = uploaded(web)

    assert waiting_ratings(services) == []
    answer = web.get(f"/v1/images/{image_id}")
    assert "Darkroom-Rating" not in answer.headers
    assert "immutable" in answer.headers["Cache-Control"]


def test_an_upload_is_rated_once_at_its_persons_account_and_stands_in_no_list(house):
    services = house("label")
    anna, olga = web_of(services, ANNA), web_of(services, OLGA)

    image_id = uploaded(anna)
    uploaded(anna)
    anna.get(f"/v1/images/{image_id}")

    (job,) = waiting_ratings(services)
    assert (job.caller, job.rates, job.kind, job.model) == ("anna", image_id, "analyze", "opennsfw")
    assert services.store.redis.zcard(keys.caller("anna")) == 1
    for web in (anna, olga):
        for path in ("/v1/jobs", "/v1/jobs?state=queued", "/v1/queue", "/v1/jobs?owner=anna"):
            assert job.id not in web.get(path).text, path
    rate(services, 0.1)
    uploaded(anna)
    assert waiting_ratings(services) == []


def test_giving_up_all_of_ones_jobs_gives_up_no_rating(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    uploaded(anna)
    job_id = anna.post("/v1/generate", json=BODY).json["id"]

    answer = anna.post("/v1/jobs/cancel", json={"filter": {}})

    assert [row["id"] for row in answer.json["jobs"]] == [job_id]
    assert len(waiting_ratings(services)) == 1


def test_pages_are_full_although_the_houses_own_jobs_stand_between(house):
    services = house("label")
    olga = web_of(services, OLGA)
    sent = []
    for shade in range(5):
        uploaded(olga, png(8, 8, (shade, 0, 0)))
        sent.append(olga.post("/v1/generate", json=BODY).json["id"])

    pages, cursor = [], ""
    while cursor is not None:
        page = olga.get(f"/v1/jobs?limit=2&cursor={cursor}").json
        pages.append([row["id"] for row in page["jobs"]])
        cursor = page["next_cursor"]

    newest = sent[::-1]
    assert pages == [newest[:2], newest[2:4], newest[4:]]


def ended_by_a_worker(services, web, **fields):
    """A job that made a picture, ended as a worker ends it."""
    job_id = web.post("/v1/generate", json=BODY | fields).json["id"]
    record = workers_played.start(services, job_id)
    made = services.artifacts.put(png(33, 21))
    runtime = SimpleNamespace(
        store=services.store, settings=services.settings, dispatcher=services.dispatcher, catalogue=services.catalogue
    )
    ratings = RatingJobs(services.store, services.dispatcher, services.catalogue, services.settings)
    endings = Endings(runtime, Chains(services.store, services.settings), [record], Stopwatch(), ratings)
    endings.end_one(Claim(record, "pen"), Outcome({"images": [{"id": made, "width": 33, "height": 21}]}), ())
    return job_id, made


def test_what_a_job_made_is_rated_as_soon_as_it_has_ended_and_its_record_says_so(house):
    services = house("label")
    anna = web_of(services, ANNA)
    job_id, made = ended_by_a_worker(services, anna)
    before = anna.get(f"/v1/jobs/{job_id}")

    rate(services, 0.75)

    after = anna.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": before.headers["ETag"]})
    assert before.json["result"]["images"][0]["rating"]["state"] == "pending"
    assert after.json["result"]["images"][0]["rating"] == {
        "state": "rated",
        "nsfw": 0.75,
        "is_nsfw": True,
        "model": "opennsfw",
        "why": None,
    }
    assert anna.get(f"/v1/images/{made}").headers["Darkroom-Rating"] == "0.750"


def test_a_worker_that_ends_a_rating_takes_it_down(house):
    services = house("label")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)
    (job,) = waiting_ratings(services)
    record = workers_played.start(services, job.id)
    ratings = RatingJobs(services.store, services.dispatcher, services.catalogue, services.settings)
    runtime = SimpleNamespace(store=services.store, settings=services.settings, dispatcher=services.dispatcher)
    endings = Endings(runtime, Chains(services.store, services.settings), [record], Stopwatch(), ratings)
    answers = [{"task": "rating", "ok": True, "model": job.model, "answer": {"nsfw": 0.2, "is_nsfw": False}}]

    endings.end_one(Claim(record, "pen"), Outcome({"answers": answers}), ())

    assert services.ratings.known([image_id])[image_id].nsfw == 0.2
    assert waiting_ratings(services) == []


def test_a_score_that_was_lost_between_the_jobs_end_and_its_writing_is_found_at_the_next_look(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)

    rate(services, 0.1, tells=False)

    assert anna.get(f"/v1/images/{image_id}").status_code == 200


def test_a_rating_whose_job_is_gone_is_asked_for_again_at_the_next_look(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)
    (lost,) = waiting_ratings(services)
    services.store.redis.delete(keys.job(lost.id))
    services.store.forget(lost.id)
    services.store.redis.zrem(keys.queue(lost.queue), lost.id)

    assert anna.get(f"/v1/images/{image_id}").status_code == 403
    assert [job.id for job in waiting_ratings(services)] != [lost.id]
    assert len(waiting_ratings(services)) == 1


def test_a_full_queue_refuses_no_upload_the_next_look_asks_again(house):
    services = house("refuse", max_queued_jobs=1)
    anna = web_of(services, ANNA)
    job_id = anna.post("/v1/generate", json=BODY).json["id"]

    image_id = uploaded(anna)

    assert waiting_ratings(services) == []
    anna.delete(f"/v1/jobs/{job_id}")
    assert anna.get(f"/v1/images/{image_id}").status_code == 403
    assert len(waiting_ratings(services)) == 1


def test_a_model_that_does_not_rate_is_refused_before_anything_is_served(settings):
    with pytest.raises(InvalidRequest, match=r"sdxl-toy.*opennsfw"):
        build_services(settings.model_copy(update={"rating": "label", "rating_model": "sdxl-toy"}))


# -- refuse --------------------------------------------------------------------------------------------------------------


def test_under_refuse_a_picture_is_withheld_until_it_is_rated_and_from_the_threshold_on(house):
    services = house("refuse", rating_threshold=0.3)
    anna = web_of(services, ANNA)
    clean, bad = uploaded(anna), ""
    pending = anna.get(f"/v1/images/{clean}")
    rate(services, 0.29)
    bad = uploaded(anna, png(9, 9))
    rate(services, 0.3)

    assert (pending.status_code, pending.json["error"]["code"]) == (403, "withheld")
    assert "not rated yet" in pending.json["error"]["message"]
    assert pending.headers["Retry-After"] == "2"
    assert anna.get(f"/v1/images/{clean}").data == png(64, 48)
    for query in ("", "?width=16", "?reveal=1"):
        answer = anna.get(f"/v1/images/{bad}{query}")
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "withheld")
    assert "0.30" in answer.json["error"]["message"]
    assert web_of(services, ADA).get(f"/v1/images/{bad}").status_code == 403


def test_under_refuse_a_known_etag_opens_nothing(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)

    assert anna.get(f"/v1/images/{image_id}", headers={"If-None-Match": f'"{image_id}"'}).status_code == 403
    assert anna.head(f"/v1/images/{image_id}").status_code == 200


def test_under_refuse_a_picture_that_could_not_be_rated_stays_withheld_and_says_why(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)

    rate(services, None)

    answer = anna.get(f"/v1/images/{image_id}")
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "withheld")
    assert "engine_failed" in answer.json["error"]["message"]
    assert waiting_ratings(services) == []
    services.store.redis.delete(keys.rating(image_id))  # an hour later
    anna.get(f"/v1/images/{image_id}")
    rate(services, 0.1)
    assert anna.get(f"/v1/images/{image_id}").status_code == 200


def test_anothers_withheld_picture_is_still_unknown_to_others(house):
    services = house("refuse")
    anna, boris = web_of(services, ANNA), web_of(services, BORIS)
    image_id = uploaded(anna)

    assert boris.get(f"/v1/images/{image_id}").status_code == 404


def test_under_refuse_no_preview_is_shown(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    job_id = anna.post("/v1/generate", json=BODY).json["id"]
    workers_played.start(services, job_id)
    workers_played.step(services, job_id, 1, preview=b"RIFF")

    answer = anna.get(f"/v1/jobs/{job_id}/preview")

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "withheld")


def test_under_refuse_no_job_starts_from_a_picture_that_is_not_shown(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    data = png(64, 64)
    inline = base64.b64encode(data).decode()
    image_id = uploaded(anna, data)
    assert anna.post("/v1/generate", json=BODY | {"image": image_id, "strength": 0.9}).status_code == 202
    rate(services, 0.9)

    for image in (image_id, inline):
        answer = anna.post("/v1/generate", json=BODY | {"image": image, "strength": 0.9})
        assert (answer.status_code, answer.json["error"]["field"]) == (403, "image")
    batch = batches_played.start(anna, images=[image_id], steps=[batches_played.ASK])
    form = {
        "batch": '{"steps": [{"kind": "analyze", "tasks": [{"task": "rating"}]}]}',
        "files": (io.BytesIO(data), "x.png"),
    }
    sent = anna.post("/v1/batches", data=form, content_type="multipart/form-data").json
    for each in (batch, sent):
        assert batches_played.members(anna, each)[0]["error"]["code"] == "withheld"


def test_a_link_shows_no_more_than_its_owner_sees(house):
    services = house("refuse")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)
    rate(services, 0.1)
    link = anna.post("/v1/shares", json={"picture": image_id}).json
    assert anna.get(link["url"]).status_code == 200

    services.store.redis.delete(keys.rating(image_id))

    assert anna.get(link["url"]).json["error"]["code"] == "withheld"
    assert [job.caller for job in waiting_ratings(services)] == ["anna"]


# -- blur ----------------------------------------------------------------------------------------------------------------


def test_a_picture_above_the_threshold_is_blurred_and_its_owner_may_reveal_it(house):
    services = house("blur")
    anna, ada = web_of(services, ANNA), web_of(services, ADA)
    data = png(64, 48)
    image_id = uploaded(anna, data)
    before = anna.get(f"/v1/images/{image_id}")
    rate(services, 0.9)

    after = anna.get(f"/v1/images/{image_id}", headers={"If-None-Match": before.headers["ETag"]})

    assert before.data == data
    assert "no-cache" in before.headers["Cache-Control"]
    assert (after.status_code, after.mimetype) == (200, "image/webp")
    assert Image.open(io.BytesIO(after.data)).size == (64, 48)
    assert Image.open(io.BytesIO(anna.get(f"/v1/images/{image_id}?width=32").data)).size == (32, 24)
    assert anna.get(f"/v1/images/{image_id}?reveal=1").data == data
    assert ada.get(f"/v1/images/{image_id}").mimetype == "image/webp"
    refused = ada.get(f"/v1/images/{image_id}?reveal=1")
    assert (refused.status_code, refused.json["error"]["field"]) == (403, "reveal")


def test_a_blur_is_made_once_and_a_known_one_is_not_sent_again(house):
    services = house("blur")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)
    rate(services, 0.9)
    first = anna.get(f"/v1/images/{image_id}")
    services.decoding.thumbnail = None  # whoever made it again would fail

    assert services.store.redis.exists(keys.blurred(image_id))
    assert anna.get(f"/v1/images/{image_id}").data == first.data
    known = {"If-None-Match": first.headers["ETag"]}
    assert anna.get(f"/v1/images/{image_id}", headers=known).status_code == 304


def test_a_link_shows_a_blurred_picture_and_nobody_reveals_it_there(house):
    services = house("blur")
    anna = web_of(services, ANNA)
    image_id = uploaded(anna)
    rate(services, 0.9)
    link = anna.post("/v1/shares", json={"picture": image_id}).json

    assert anna.get(link["url"]).mimetype == "image/webp"
    assert anna.get(link["url"] + "?reveal=1").status_code == 422


def test_what_nobody_owns_is_the_administrators_to_reveal(house):
    services = house("blur")
    ada = web_of(services, ADA)
    image_id = services.artifacts.put(png(30, 30))
    ada.get(f"/v1/images/{image_id}")
    rate(services, 0.9)

    assert ada.get(f"/v1/images/{image_id}?reveal=1").data == png(30, 30)


# -- words ---------------------------------------------------------------------------------------------------------------


def test_an_upload_tells_its_rating(house):
    services = house("label")
    anna = web_of(services, ANNA)
    sent = {"data": png(64, 48), "content_type": "image/png"}
    first = anna.post("/v1/images", **sent).json["rating"]
    rate(services, 0.1)

    again = anna.post("/v1/images", **sent).json["rating"]

    assert (first["state"], first["nsfw"]) == ("pending", None)
    assert (again["state"], again["nsfw"], again["is_nsfw"]) == ("rated", 0.1, False)


def test_no_log_line_has_anything_of_a_picture_or_a_prompt(house, capsys):
    services = house("refuse", max_queued_jobs=1)
    anna = web_of(services, ANNA)
    anna.post("/v1/generate", json=BODY | {"prompt": "nobody knows of"})
    uploaded(anna)

    said = capsys.readouterr()

    assert "rating.not_asked" in said.out + said.err
    assert "nobody knows of" not in said.out + said.err


# -- beside limits, pauses and bulk requests -----------------------------------------------------------------------------


def test_a_rating_uses_none_of_its_persons_limits_and_waits_for_none_of_their_pauses(house):
    services = house("label")
    web = web_of(services, ANNA)
    web.patch("/v1/me", json={"paused": True})

    uploaded(web)

    (rating,) = waiting_ratings(services)
    usage = web.get("/v1/me").json["usage"]
    assert not rating.held
    assert (usage["unfinished_jobs"]["used"], usage["gpu_s_per_day"]["used"]) == (0, 0)


def test_no_bulk_request_reaches_a_rating(house):
    services = house("label")
    uploaded(web_of(services, ANNA))

    own = web_of(services, ANNA).post("/v1/jobs/cancel", json={"filter": {}})
    everybodys = web_of(services, OLGA).post("/v1/jobs/cancel", json={"filter": {"mine": False}})

    assert own.json["jobs"] == everybodys.json["jobs"] == []
    assert len(waiting_ratings(services)) == 1
