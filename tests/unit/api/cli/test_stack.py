"""How the stack keeps its parts alive."""

import os
import signal
import sys
from pathlib import Path

import pytest

from api.cli.stack import MAX_DEATHS, Part, Stack, environment_of
from shared.settings import Settings


def part(code: str, stop_limit_s: float = 10.0) -> Part:
    return Part("part", (sys.executable, "-c", code), stop_limit_s)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack whose parts a test provides."""
    made = Stack(Settings(data_dir=tmp_path), say=lambda line: said.append(line))
    said: list[str] = []
    made.said = said
    return made


def test_parts_read_exactly_the_settings_of_the_stack(tmp_path, monkeypatch):
    monkeypatch.setenv("DARKROOM_PORT", "1")
    monkeypatch.setenv("DARKROOM_ARTIFACTS_DIR", "/elsewhere")
    monkeypatch.setenv("PATH_OF_OTHERS", "kept")

    environment = environment_of(Settings(port=4711, data_dir=tmp_path, artifacts_dir=None, api_keys=("a:b", "c:d")))

    assert environment["DARKROOM_PORT"] == "4711"
    assert environment["DARKROOM_DATA_DIR"] == str(tmp_path)
    assert environment["DARKROOM_API_KEYS"] == "a:b,c:d"
    assert "DARKROOM_ARTIFACTS_DIR" not in environment
    assert environment["PATH_OF_OTHERS"] == "kept"


def test_parts_read_secrets_as_they_are_and_empty_lists_as_empty(tmp_path):
    settings = Settings(data_dir=tmp_path, webhook_secret="sixteen letters!", cors_origins="none", insecure=True)

    environment = environment_of(settings)

    assert environment["DARKROOM_WEBHOOK_SECRET"] == "sixteen letters!"
    assert (environment["DARKROOM_CORS_ORIGINS"], environment["DARKROOM_INSECURE"]) == ("none", "True")


@pytest.mark.parametrize("is_built", [True, False])
def test_the_pages_address_is_known_where_a_page_is_built(stack, tmp_path, is_built):
    stack.page_folder = tmp_path
    if is_built:
        (tmp_path / "index.html").touch()

    assert (stack.has_page, stack.page_url) == (is_built, f"{stack.url}/ui/")


def test_with_a_certificate_its_address_is_https(tmp_path):
    settings = Settings(data_dir=tmp_path, host="0.0.0.0", port=4711, tls_cert=tmp_path / "c", tls_key=tmp_path / "k")

    assert Stack(settings).url == "https://127.0.0.1:4711"


def test_a_part_that_dies_again_and_again_ends_the_stack_and_says_so(stack, monkeypatch):
    monkeypatch.setattr("api.cli.stack.FIRST_PAUSE_S", 0.001)
    stack.environment = dict(os.environ)
    stack.parts = [part("raise SystemExit(3)")]
    stack.parts[0].start(stack.environment, None)

    status = stack.watch()

    assert status == 1
    assert f"{MAX_DEATHS} times" in stack.said[-1]
    assert "status 3" in stack.said[0]


def test_a_part_that_was_killed_is_started_again(stack, monkeypatch):
    monkeypatch.setattr("api.cli.stack.FIRST_PAUSE_S", 0.001)
    stack.environment = dict(os.environ)
    stack.parts = [part("import time; time.sleep(600)")]
    stack.parts[0].start(stack.environment, None)
    first = stack.parts[0].process
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    while stack.parts[0].process is first:
        assert stack.tend()

    assert stack.parts[0].is_running
    stack.stop()
    assert not stack.parts


def test_a_part_that_ignores_the_request_to_stop_is_stopped_hard(stack, tmp_path):
    deaf = part(
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch(); time.sleep(600)",
        stop_limit_s=0.1,
    )
    deaf.start(dict(os.environ), None)
    while not (tmp_path / "ready").exists():
        assert deaf.is_running

    assert deaf.stop(stack.hurry) == -signal.SIGKILL


def test_a_part_that_stops_when_asked_tells_its_status(stack, tmp_path):
    polite = part(
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch(); time.sleep(600)"
    )
    polite.start(dict(os.environ), None)
    while not (tmp_path / "ready").exists():
        assert polite.is_running

    assert polite.stop(stack.hurry) == 0
