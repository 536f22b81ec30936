"""Redis stops, or hangs: the real web server says so at once, and works again without a restart."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.cli.stack import Stack
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.errors import BrokerUnavailable
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.redis.embedded import EmbeddedRedis, free_port
from shared.settings import Settings

#: An answer later than this counts as a hang. The promise is one second; the rest is for a machine that tests in parallel.
HANG_S = 15.0
RECOVERY_LIMIT_S = 60.0
#: Everything that needs Redis.
REQUESTS = {
    "generate": ("POST", "/v1/generate"),
    "job": ("GET", f"/v1/jobs/{new_job_id()}"),
    "long poll": ("GET", f"/v1/jobs/{new_job_id()}?wait=30"),
    "many jobs": ("GET", f"/v1/jobs?ids={new_job_id()},{new_job_id()}"),
    "list": ("GET", "/v1/jobs"),
    "cancel": ("DELETE", f"/v1/jobs/{new_job_id()}"),
    "change": ("PATCH", f"/v1/jobs/{new_job_id()}"),
    "change many": ("PATCH", "/v1/jobs"),
    "cancel many": ("POST", "/v1/jobs/cancel"),
    "me": ("GET", "/v1/me"),
    "pause": ("PATCH", "/v1/me"),
    "preview": ("GET", f"/v1/jobs/{new_job_id()}/preview"),
    "models": ("GET", "/v1/models"),
    "status": ("GET", "/v1/status"),
    "readyz": ("GET", "/readyz"),
    "people": ("GET", "/v1/people"),
    "keys": ("GET", "/v1/keys"),
    "audit": ("GET", "/v1/audit"),
}
#: What asks Redis for nothing but who calls, and that is remembered for less than a second.
CALLERS_ONLY = {"picture": ("GET", "/v1/images/img_" + "0" * 32)}
#: What those send that are no generation.
BODIES = {
    "change": {"held": True},
    "change many": {"ids": [new_job_id()], "held": True},
    "cancel many": {"ids": [new_job_id()]},
    "pause": {"paused": True},
}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A server of this file's own, to be stopped and held."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("away"), port=free_port())
    server.start()
    yield server
    if server.is_running:
        signal_to(server, signal.SIGCONT)
    server.stop()


@pytest.fixture(scope="module")
def api(away: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """gunicorn as it is shipped, and a client with little patience."""
    folder: Path = tmp_path_factory.mktemp("api")
    settings = Settings(redis_url=away.url, data_dir=folder, port=free_port(), api_threads=8)
    stack = Stack(settings, with_worker=False, log_file=folder / "api.log")
    try:
        stack.start()
        with httpx.Client(base_url=stack.url, timeout=HANG_S) as client:
            yield client
    finally:
        stack.stop()


@pytest.fixture
def stopped(away: EmbeddedRedis, api: httpx.Client) -> Iterator[None]:
    """Redis is not there for a while."""
    away.stop()
    yield
    away.start()
    until(lambda: api.get("/v1/jobs").status_code == 200)


@pytest.fixture
def held(away: EmbeddedRedis, api: httpx.Client) -> Iterator[None]:
    """Redis takes connections and never answers for a while."""
    until(lambda: api.get("/v1/jobs").status_code == 200)
    signal_to(away, signal.SIGSTOP)
    yield
    signal_to(away, signal.SIGCONT)
    until(lambda: api.get("/v1/jobs").status_code == 200)


def ask(api: httpx.Client, name: str) -> httpx.Response:
    method, path = (REQUESTS | CALLERS_ONLY)[name]
    body = BODIES.get(name, {"prompt": "x", "model": "sdxl-toy"})
    return api.request(method, path, json=None if method in ("GET", "DELETE") else body)


@pytest.mark.parametrize("name", REQUESTS)
def test_without_redis_every_answer_is_503_and_says_when_to_come_back(api, stopped, name):
    answer = ask(api, name)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "redis_unavailable"
    assert answer.json()["error"]["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("name", CALLERS_ONLY)
def test_without_redis_nobody_is_let_in_unseen(api, stopped, name):
    until(lambda: ask(api, name).status_code == 503, limit_s=30)

    assert ask(api, name).json()["error"]["code"] == "redis_unavailable"


@pytest.mark.parametrize("name", ["generate", "job", "list", "status", "readyz"])
def test_with_a_hung_redis_every_answer_is_503_and_no_request_hangs(api, held, name):
    answer = ask(api, name)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "redis_unavailable"


def test_without_redis_the_process_itself_is_healthy(api, stopped):
    assert api.get("/healthz").status_code == 200


def test_after_redis_came_back_jobs_are_accepted_without_a_restart(api, away):
    away.stop()
    refused = ask(api, "generate")
    away.start()
    until(lambda: api.get("/v1/jobs").status_code == 200)

    accepted = ask(api, "generate")

    assert refused.status_code == 503
    assert accepted.status_code == 202
    assert api.get(accepted.headers["Location"]).json()["state"] == "queued"


def test_a_chunked_body_is_read_and_one_beyond_the_limit_answers_413(api):
    def chunks(count: int) -> Iterator[bytes]:
        yield b'{"prompt": "x'
        yield from (b" " * 2**20 for _ in range(count))
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    whole = api.post("/v1/generate", content=chunks(0), headers=headers)
    # On a connection of its own: the server closes it, because the rest of the body was never read.
    too_long = httpx.post(api.base_url.join("/v1/generate"), content=chunks(70), headers=headers, timeout=30)

    assert whole.status_code == 202
    assert too_long.status_code == 413


def test_a_thousand_ids_fit_into_one_request(api):
    ids = [new_job_id() for _ in range(1000)]

    rows = api.get("/v1/jobs", params={"ids": ",".join(ids)}, timeout=30).json()["jobs"]

    assert [row["id"] for row in rows] == ids


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_a_message_that_cannot_be_sent_fails_its_record_at_once(services, settings, away, how):
    broker = Settings(redis_url=away.url, data_dir=settings.data_dir)
    dispatcher = Dispatcher(services.store, make_app(broker, for_worker=False))
    record = JobRecord(
        id=new_job_id(), kind="generate", model="sdxl-toy", state=State.QUEUED, queue="sdxl-toy.normal", params={}
    )
    if how == "stopped":
        away.stop()
    else:
        signal_to(away, signal.SIGSTOP)
    try:
        with pytest.raises(BrokerUnavailable):
            dispatcher.submit(record)
    finally:
        if how == "stopped":
            away.start()
        else:
            signal_to(away, signal.SIGCONT)

    assert services.store.get(record.id).error.code == "broker_unavailable"


def signal_to(server: EmbeddedRedis, number: int) -> None:
    assert server.pid is not None
    os.kill(server.pid, number)


def until(look: Callable[[], bool], limit_s: float = RECOVERY_LIMIT_S) -> None:
    """Look again until it is so, with a limit."""
    ends_at = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < ends_at, "not within the limit"
