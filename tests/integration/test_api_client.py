"""The typed client against the real app."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from api.client import Darkroom
from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Key, Person
from shared.contracts.jobs import State, new_job_id
from shared.errors import BadPicture, CallersError, InvalidRequest, ModelMissing, NotFound, RoleNeeded
from tests import workers_played
from tests.pictures import png


@pytest.fixture
def darkroom(web) -> Iterator[Darkroom]:
    """A client that talks to the app in this process."""
    with Darkroom("http://localhost", transport=httpx.WSGITransport(app=web.application)) as client:
        yield client


def test_a_job_is_made_watched_and_ended(darkroom, services):
    seen: list[tuple[str, int]] = []
    job = darkroom.generate("a boat", model="sdxl-toy", n=2)
    worker = threading.Thread(target=play_one_job, args=(services,))
    worker.start()

    ended = darkroom.wait(job.id, lambda now: seen.append((now.state, now.progress.step if now.progress else 0)))
    worker.join()

    assert ended.state == State.SUCCEEDED
    assert ended.image_ids() == ["img_" + "0" * 32]
    assert seen[-1][0] == State.SUCCEEDED


def test_waiting_has_a_limit(darkroom):
    job = darkroom.generate("a boat", model="sdxl-toy")

    with pytest.raises(TimeoutError, match=job.id):
        darkroom.wait(job.id, limit_s=0.2)


def test_many_jobs_come_in_the_order_asked_for(darkroom):
    first, second = (darkroom.generate("x", model="sdxl-toy").id for _ in range(2))

    found = darkroom.jobs([second, new_job_id(), first])

    assert [job.id if job else None for job in found] == [second, None, first]


def test_a_job_is_cancelled(darkroom):
    assert darkroom.cancel(darkroom.generate("x", model="sdxl-toy").id).state == State.CANCELLED


def test_a_picture_goes_in_and_comes_out(darkroom, tmp_path):
    file = tmp_path / "in.png"
    file.write_bytes(png())

    assert darkroom.image(darkroom.upload(file)) == png()
    assert darkroom.image(darkroom.upload(png()), width=16)[8:12] == b"WEBP"


def test_the_same_key_names_the_same_job(darkroom):
    jobs = [darkroom.generate("x", model="sdxl-toy", idempotency_key="once") for _ in range(2)]

    assert jobs[0].id == jobs[1].id


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda d: d.job(new_job_id()), NotFound),
        (lambda d: d.generate("x", steps=0), InvalidRequest),
        (lambda d: d.generate("x", model="sdxl-anime"), ModelMissing),
        (lambda d: d.upload(b"no picture"), BadPicture),
    ],
)
def test_errors_come_back_as_our_own(darkroom, ask, error):
    with pytest.raises(error):
        ask(darkroom)


def test_an_answer_that_is_not_ours_is_still_an_error_of_ours(monkeypatch):
    proxy = httpx.MockTransport(lambda request: httpx.Response(502, text="<h1>Bad gateway</h1>"))

    with pytest.raises(Exception, match="HTTP 502"), Darkroom("http://x", transport=proxy) as darkroom:
        darkroom.models()


def test_a_bug_of_the_servers_is_not_blamed_on_the_caller(monkeypatch):
    body = {"error": {"code": "internal_error", "message": "a bug of ours; it is logged", "retryable": False}}
    buggy = httpx.MockTransport(lambda request: httpx.Response(500, json=body))

    with pytest.raises(Exception, match="a bug of ours") as caught, Darkroom("http://x", transport=buggy) as darkroom:
        darkroom.models()

    assert caught.value.code == "internal_error"
    assert not isinstance(caught.value, CallersError)


def test_models_and_status_are_told(darkroom):
    assert "sdxl-toy" in {model["id"] for model in darkroom.models()}
    assert darkroom.status()["jobs"]["queued"] == 0
    assert not darkroom.is_ready()


def test_a_client_learns_who_it_is_and_what_its_role_lacks(web, services):
    services.people.add(Person(name="ann"), COMMAND_LINE)
    key = str(services.keys.add(Key(id="", person="ann", digest=""), COMMAND_LINE)[1])
    transport = httpx.WSGITransport(app=web.application)

    with Darkroom("http://localhost", key=key, transport=transport) as ann:
        assert (ann.me()["person"], ann.me()["role"]) == ("ann", "user")
        with pytest.raises(RoleNeeded, match="operator"):
            ann.drain("gpu0")


def play_one_job(services) -> None:
    job_id = workers_played.next_queued(services)
    workers_played.start(services, job_id)
    workers_played.step(services, job_id, 4)
    workers_played.succeed(services, job_id, image_ids=("img_" + "0" * 32,))
