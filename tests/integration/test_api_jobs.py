"""`/v1/jobs` against a real server."""

import threading
from dataclasses import replace

import pytest

from api.app import create_app
from shared.contracts.jobs import new_job_id
from tests import workers_played


@pytest.fixture
def queued(web) -> str:
    """The id of a fresh job."""
    return make(web)


def make(web, **fields) -> str:
    return web.post("/v1/generate", json={"prompt": "a boat", "model": "sdxl-toy"} | fields).json["id"]


def test_an_unknown_job_is_not_found_and_never_pending(web):
    answer = web.get(f"/v1/jobs/{new_job_id()}")

    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "not_found"


def test_an_expired_job_is_gone(web, services, queued):
    services.store.redis.delete(f"darkroom:job:{queued}")

    assert web.get(f"/v1/jobs/{queued}").status_code == 410


def test_a_record_shows_steps_percent_worker_and_preview_while_it_runs(web, services, queued):
    workers_played.start(services, queued)
    workers_played.step(services, queued, 4, preview=b"RIFF....WEBP")

    job = web.get(f"/v1/jobs/{queued}").json

    assert (job["progress"]["step"], job["progress"]["steps"], job["progress"]["percent"]) == (4, 8, 48)
    assert job["worker"] == "gpu0"
    assert web.get(job["preview"]).data == b"RIFF....WEBP"


def test_a_job_without_a_preview_has_none_to_fetch(web, queued):
    assert web.get(f"/v1/jobs/{queued}/preview").status_code == 404


def test_nothing_internal_is_shown(web, services, queued):
    workers_played.start(services, queued, token="secret-pen")

    shown = web.get(f"/v1/jobs/{queued}").text

    assert "secret-pen" not in shown
    assert "lease" not in shown


def test_a_poll_with_the_known_etag_answers_304_until_something_changes(web, services, queued):
    etag = web.get(f"/v1/jobs/{queued}").headers["ETag"]
    unchanged = web.get(f"/v1/jobs/{queued}", headers={"If-None-Match": etag})
    workers_played.start(services, queued)
    changed = web.get(f"/v1/jobs/{queued}", headers={"If-None-Match": etag})

    assert unchanged.status_code == 304
    assert unchanged.data == b""
    assert changed.status_code == 200


def test_a_new_place_in_the_queue_is_a_new_etag(web):
    first, second = make(web), make(web)
    etag = web.get(f"/v1/jobs/{second}").headers["ETag"]

    web.delete(f"/v1/jobs/{first}")

    assert web.get(f"/v1/jobs/{second}", headers={"If-None-Match": etag}).json["queue"]["position"] == 0


def test_a_long_poll_ends_when_the_job_ends(web, services, queued):
    workers_played.start(services, queued)
    waiter = Waiter(web, f"/v1/jobs/{queued}?wait=20")
    waiter.until_it_waits(services)

    workers_played.step(services, queued, 4)
    workers_played.succeed(services, queued)

    assert waiter.answer().json["state"] == "succeeded"


def test_a_long_poll_with_the_known_etag_ends_at_the_next_step(web, services, queued):
    workers_played.start(services, queued)
    etag = web.get(f"/v1/jobs/{queued}").headers["ETag"]
    waiter = Waiter(web, f"/v1/jobs/{queued}?wait=20", etag)
    waiter.until_it_waits(services)

    workers_played.step(services, queued, 1)

    assert waiter.answer().json["progress"]["step"] == 1


def test_a_long_poll_gives_up_with_the_record_as_it_stands(web, queued):
    assert web.get(f"/v1/jobs/{queued}?wait=0.05").json["state"] == "queued"


def test_a_long_poll_survives_a_lost_message(web, services, queued):
    workers_played.start(services, queued)
    waiter = Waiter(web, f"/v1/jobs/{queued}?wait=20")
    waiter.until_it_waits(services)
    services.store.redis.client_kill_filter(_type="pubsub")

    workers_played.succeed(services, queued)

    assert waiter.answer().json["state"] == "succeeded"


def test_when_all_seats_are_taken_a_long_poll_is_answered_at_once(web, services, queued):
    seats = services.settings.api_threads * 3 // 4
    watches = [services.job_events.watch(queued) for _ in range(seats)]
    for watch in watches:
        watch.__enter__()

    answer = web.get(f"/v1/jobs/{queued}?wait=20")
    for watch in watches:
        watch.__exit__(None, None, None)

    assert answer.json["state"] == "queued"
    assert answer.headers["Retry-After"] == "1"
    assert "Retry-After" not in web.get(f"/v1/jobs/{queued}?wait=0.01").headers


def test_a_thousand_jobs_are_polled_at_once_in_the_order_asked_for(web, services):
    ids = [make(web) for _ in range(20)]
    gone, strange = make(web), "not-an-id"
    services.store.redis.delete(f"darkroom:job:{gone}")
    asked = [*reversed(ids), gone, strange, new_job_id(), *(new_job_id() for _ in range(977))]

    rows = web.get("/v1/jobs", query_string={"ids": ",".join(asked)}).json["jobs"]

    assert [row["id"] for row in rows] == asked
    assert rows[0]["queue"]["position"] == 19
    assert [row["state"] for row in rows[20:23]] == ["gone", "unknown", "unknown"]


def test_more_than_a_thousand_ids_are_refused_with_the_limit(web):
    answer = web.get("/v1/jobs", query_string={"ids": ",".join(["x"] * 1001)})

    assert answer.status_code == 422
    assert "1000" in answer.json["error"]["message"]


def test_the_list_turns_its_pages_newest_first(web):
    ids = [make(web) for _ in range(5)]

    first = web.get("/v1/jobs?limit=2").json
    second = web.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}").json
    third = web.get(f"/v1/jobs?limit=2&cursor={second['next_cursor']}").json

    assert [job["id"] for page in (first, second, third) for job in page["jobs"]] == ids[::-1]
    assert third["next_cursor"] is None


def test_the_list_shows_one_state(web, services):
    running, _ = make(web), make(web)
    workers_played.start(services, running)

    assert [job["id"] for job in web.get("/v1/jobs?state=running").json["jobs"]] == [running]


def test_cancelling_a_queued_job_ends_it_at_once(web, queued):
    answer = web.delete(f"/v1/jobs/{queued}")

    assert answer.status_code == 200
    assert answer.json["state"] == "cancelled"


def test_cancelling_a_running_job_asks_it_to_stop(web, services, queued):
    workers_played.start(services, queued)

    answer = web.delete(f"/v1/jobs/{queued}")

    assert answer.status_code == 202
    assert answer.json["cancel_requested"]
    assert workers_played.step(services, queued, 1) == "cancel"


def test_cancelling_an_ended_job_changes_nothing(web, services, queued):
    workers_played.start(services, queued)
    workers_played.succeed(services, queued)

    answer = web.delete(f"/v1/jobs/{queued}")

    assert answer.status_code == 200
    assert answer.json["state"] == "succeeded"


def test_a_queued_job_whose_deadline_passed_has_failed_when_it_is_read(web):
    job_id = make(web, deadline_s=0.001)

    job = web.get(f"/v1/jobs/{job_id}?wait=5").json

    assert job["state"] == "failed"
    assert job["error"]["code"] == "deadline_exceeded"


class Waiter:
    """A request that waits in a thread of its own."""

    def __init__(self, web, url: str, etag: str = "") -> None:
        self._answers: list = []
        headers = {"If-None-Match": etag} if etag else {}
        client = web.application.test_client()
        self._thread = threading.Thread(target=lambda: self._answers.append(client.get(url, headers=headers)))
        self._thread.start()

    def until_it_waits(self, services) -> None:
        while not services.job_events.waiting():
            assert self._thread.is_alive()
            self._thread.join(0.005)

    def answer(self):
        self._thread.join(15)
        assert self._answers, "the request still waits"
        return self._answers[0]


def test_previews_ride_in_the_bulk_poll_and_only_when_they_changed(web, services):
    running, waiting = make(web), make(web)
    workers_played.start(services, running)
    workers_played.step(services, running, 4, preview=b"RIFF....WEBP")
    where = f"/v1/jobs?ids={waiting},{running}&previews=1"

    first = web.get(where).json
    again = web.get(f"{where}&since={first['mark']}").json
    workers_played.step(services, running, 6, preview=b"RIFF..6.WEBP")
    later = web.get(f"{where}&since={again['mark']}").json

    assert first["previews"] == {running: {"step": 4, "data": "data:image/webp;base64,UklGRi4uLi5XRUJQ"}}
    assert again["previews"] == {}
    assert later["previews"][running]["step"] == 6
    assert first["jobs"][0]["queue"]["waits"]["message"]
    assert first["jobs"][1]["worker"] == "gpu0"
    assert "previews" not in web.get(f"/v1/jobs?ids={running}").json


def test_where_nothing_unrated_is_shown_the_poll_has_no_previews(services):
    strict = create_app(replace(services, settings=services.settings.model_copy(update={"rating": "refuse"})))
    client = strict.test_client()
    job = make(client)
    workers_played.start(services, job)
    workers_played.step(services, job, 4, preview=b"RIFF....WEBP")

    assert client.get(f"/v1/jobs?ids={job}&previews=1").json["previews"] == {}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("previews=1", "previews"),
        ("ids=job_x&since=" + "0" * 16, "since"),
        ("ids=job_x&previews=1&since=x", "since"),
        ("ids=job_x&previews=2", "previews"),
    ],
)
def test_previews_that_nobody_can_have_are_refused(web, query, field):
    answer = web.get(f"/v1/jobs?{query}")

    assert (answer.status_code, answer.json["error"]["field"]) == (422, field)
