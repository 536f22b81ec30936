"""`darkroom up` as a process: it comes up, survives a killed part, and stops everything it started."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from shared.redis.embedded import free_port
from tests.pictures import bomb

LIMIT_S = 60.0


class Up:
    """One `darkroom up --api-only`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.log = folder / "up.log"
        command = [sys.executable, "-m", "api.cli", "up", "--api-only", "--port", str(self.port), "--data", str(folder)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")} | settings
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def status_of(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def parts(self, name: str) -> list[psutil.Process]:
        """Processes below it whose command line has this word, oldest first."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in below if name in " ".join(process.cmdline())]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that answers, shared by the tests that leave it answering."""
    yield from running(tmp_path_factory.mktemp("up"))


@pytest.fixture
def own_up(tmp_path: Path) -> Iterator[Up]:
    """A stack of the test's own, to be stopped."""
    yield from running(tmp_path)


def running(folder: Path, **settings: str) -> Iterator[Up]:
    stack = Up(folder, **settings)
    until(lambda: stack.status_of("/v1/jobs") == 200)
    yield stack
    stack.process.terminate()
    stack.process.wait(LIMIT_S)


def test_it_says_where_it_is(up):
    until(lambda: f"http://127.0.0.1:{up.port}" in up.log.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_leaves_nothing_behind(own_up, number):
    started = psutil.Process(own_up.process.pid).children(recursive=True)

    own_up.process.send_signal(number)

    assert own_up.process.wait(LIMIT_S) == 0
    assert len(started) >= 2
    assert not [process for process in started if is_alive(process)]


def test_a_killed_web_server_comes_back(up):
    before = up.parts("gunicorn")
    before[0].kill()

    until(lambda: "starting it again" in up.log.read_text() and up.status_of("/v1/jobs") == 200)
    # Its worker goes on answering until it sees that its parent is gone; what it was asked then would be cut off.
    until(lambda: not any(is_alive(process) for process in before))
    until(lambda: up.status_of("/v1/jobs") == 200)


def test_a_killed_valkey_comes_back_with_what_it_held(up):
    made = up.http.post("/v1/generate", json={"prompt": "x", "model": "sdxl-toy"}).json()["id"]
    until(lambda: made.encode() in b"".join(file.read_bytes() for file in up.log.parent.rglob("*.aof")))
    up.parts("valkey-server")[0].kill()

    until(lambda: up.status_of(f"/v1/jobs/{made}") == 200)


def test_a_second_stack_on_the_same_folder_is_refused_with_the_reason(up):
    second = subprocess.run(
        [sys.executable, "-m", "api.cli", "up", "--api-only", "--port", str(free_port()), "--data", str(up.log.parent)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert second.returncode == 1
    assert "--data" in second.stderr


def test_a_port_that_is_taken_is_named(up, tmp_path):
    command = [sys.executable, "-m", "api.cli", "up", "--api-only", "--port", str(up.port), "--data"]

    second = subprocess.run([*command, str(tmp_path / "other")], capture_output=True, text=True, timeout=LIMIT_S)

    assert second.returncode == 1
    assert f"{up.port} is not free" in second.stderr


def test_polls_stay_quick_under_a_flood_of_zip_bombs(up):
    data, answers, patience_s = bomb(), [], 1.0

    def send() -> None:
        with httpx.Client(base_url=up.http.base_url, timeout=LIMIT_S) as http:
            answers.append(http.post("/v1/images", content=data, headers={"Content-Type": "image/png"}))

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    polls_s = []
    while any(sender.is_alive() for sender in senders):
        began = time.monotonic()
        assert up.status_of("/v1/jobs") == 200
        polls_s.append(time.monotonic() - began)

    assert sorted(polls_s)[len(polls_s) // 2] < patience_s
    assert len(answers) == len(senders)
    # How many find room depends on the machine; each is either looked at or told when to come again.
    assert all(answer.status_code == 201 or int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert any(answer.status_code == 201 for answer in answers)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def until(look: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Look again until it is so, with a limit."""
    ends_at = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < ends_at, "not within the limit"
