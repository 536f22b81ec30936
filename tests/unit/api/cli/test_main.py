"""The command line: what goes wrong is one sentence and an exit status, never a traceback."""

import os
import subprocess
import sys

import httpx
import pytest

from api.cli import main as cli
from api.cli.stack import Stack
from api.client import Darkroom
from shared.settings import Settings


@pytest.fixture
def answering(monkeypatch):
    """`darkroom` talks to this handler instead of a server."""

    def put(handler):
        transport = httpx.MockTransport(handler)
        monkeypatch.setattr(cli, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))

    return put


def one_line(capsys):
    err = capsys.readouterr().err.strip()
    assert err.startswith("darkroom: ")
    assert "\n" not in err
    return err


def test_a_picture_that_is_not_there_is_one_sentence(capsys, tmp_path):
    assert cli.main(["generate", "a fox", "--image", str(tmp_path / "missing.png"), "--out", str(tmp_path)]) == 1
    assert "missing.png: No such file or directory" in one_line(capsys)


def test_a_folder_as_picture_is_one_sentence(capsys, tmp_path):
    assert cli.main(["generate", "a fox", "--image", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "Is a directory" in one_line(capsys)


def test_where_nothing_can_be_written_nothing_is_asked_for(capsys, tmp_path, answering):
    asked = []
    answering(lambda request: asked.append(request) or httpx.Response(500))
    (tmp_path / "file").write_text("")

    assert cli.main(["generate", "a fox", "--out", str(tmp_path / "file")]) == 1
    assert "file: File exists" in one_line(capsys)
    assert asked == []


@pytest.mark.parametrize("url", ["nonsense", "http://[::1", "http://127.0.0.1:1", "ftp://x"])
def test_a_wrong_address_is_one_sentence(capsys, tmp_path, url):
    assert cli.main(["generate", "x", "--out", str(tmp_path), "--url", url]) == 1
    assert one_line(capsys)


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"hello": 1}), httpx.Response(200, text="")]
)
def test_another_program_behind_the_address_is_one_sentence(capsys, tmp_path, answering, answer):
    answering(lambda request: answer)

    assert cli.main(["generate", "x", "--out", str(tmp_path)]) == 1
    assert "not as Darkroom does" in one_line(capsys)


def test_words_that_are_not_utf8_are_one_sentence(capsys, tmp_path, answering):
    answering(lambda request: httpx.Response(500))

    assert cli.main(["generate", os.fsdecode(b"caf\xe9"), "--out", str(tmp_path)]) == 1
    assert "cannot be sent" in one_line(capsys)


@pytest.mark.parametrize(
    ("is_built", "has_browser", "said"),
    [(True, True, ""), (True, False, "no browser was found"), (False, True, "the page is not built")],
)
def test_open_opens_the_page_or_says_why_not(capsys, monkeypatch, tmp_path, is_built, has_browser, said):
    opened = []
    monkeypatch.setattr(cli.webbrowser, "open", lambda url: opened.append(url) or has_browser)
    if is_built:
        (tmp_path / "index.html").touch()

    cli._open_page(Stack(Settings(port=4711), page_folder=tmp_path))

    assert opened == (["http://127.0.0.1:4711/ui/"] if is_built else [])
    assert said in capsys.readouterr().out


def test_a_bug_is_no_sentence(monkeypatch):
    monkeypatch.setattr(cli, "_retry", lambda options: int("x"))

    with pytest.raises(ValueError, match="invalid literal"):
        cli.main(["retry", "job_1"])


def test_a_wrong_models_file_ends_up_before_anything_starts(tmp_path):
    models = tmp_path / "models.toml"
    models.write_text('[models.x]\nkind = "generate"\nengine = 5\n')
    command = [sys.executable, "-m", "api.cli", "up", "--data", str(tmp_path / "data"), "--port", "1"]

    run = subprocess.run(
        command, env=os.environ | {"DARKROOM_MODELS_FILE": str(models)}, capture_output=True, text=True, timeout=120
    )

    assert run.returncode == 1
    assert (
        run.stderr.strip() == f"darkroom: {models}: model x: engine: Input should be a valid string, got 5 (and 5 more)"
    )
    assert not (tmp_path / "data").exists()
