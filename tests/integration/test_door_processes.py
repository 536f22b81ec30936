"""The door of real processes: where they refuse to start, what gunicorn makes of headers, and how long a session lives on."""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.redis.embedded import EmbeddedRedis, free_port
from tests.certificates import write_pair

LIMIT_S = 60.0
KEY = re.compile(r"dr_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}")
GUNICORN = ["-m", "gunicorn", "-c", "python:api.gunicorn_settings"]
APP = "api.wsgi:app"
#: Linux answers for all of 127/8, so a test can be two machines.
PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
COOKIE = "darkroom_session"
#: Longest that a session which was ended may open anything, in any process.
END_S = 1.0


def environment(**settings: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")} | settings


def up(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", "up", "--api-only", "--data", str(folder), *options]


@contextmanager
def running(command: list[str], log: Path, port: int, scheme: str = "http", **settings: str) -> Iterator[str]:
    """A server that answers; its log is complete when it has ended."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment(**settings), stdout=out, stderr=out)
    try:
        url = f"{scheme}://127.0.0.1:{port}"
        ends_at = time.monotonic() + LIMIT_S
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends_at, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def refused(command: list[str], **settings: str) -> str:
    """What a command says that does not start."""
    ended = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, timeout=LIMIT_S)
    assert ended.returncode != 0
    return ended.stdout + ended.stderr


# -- starting ------------------------------------------------------------------------------------------------------------


def test_beyond_loopback_the_stack_does_not_start_without_a_key(tmp_path):
    said = refused(up(tmp_path, "--host", "0.0.0.0", "--port", str(free_port())))

    assert "darkroom key add" in said
    assert "--insecure" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("how", ["the settings", "its own option", "a socket"])
def test_beyond_loopback_gunicorn_does_not_start_without_a_key(valkey, redis_url, tmp_path, how):
    port = str(free_port())
    bound = {"DARKROOM_HOST": "0.0.0.0", "DARKROOM_PORT": port} if how == "the settings" else {}
    options = {"its own option": ["--bind", f"0.0.0.0:{port}"], "a socket": ["--bind", f"unix:{tmp_path}/api.sock"]}

    said = refused(
        [sys.executable, *GUNICORN, *options.get(how, []), APP],
        DARKROOM_REDIS_URL=redis_url,
        DARKROOM_DATA_DIR=str(tmp_path),
        **bound,
    )

    assert "darkroom key add" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DARKROOM_CORS_ORIGINS", "https://("),
        ("DARKROOM_TRUSTED_PROXIES", "proxy.example"),
        ("DARKROOM_OIDC_ISSUER", "https://id.example"),
    ],
)
def test_what_says_nothing_clear_of_who_comes_in_is_named_at_the_start(redis_url, tmp_path, setting, value):
    given = {"DARKROOM_REDIS_URL": redis_url, "DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_PORT": str(free_port())}

    said = refused([sys.executable, *GUNICORN, APP], **given | {setting: value})

    assert "DARKROOM_" in said
    assert "Traceback" not in said


def test_with_a_certificate_the_stack_speaks_https_and_cookies_are_secure(tmp_path):
    cert, key = write_pair(tmp_path)
    port = free_port()
    command = up(tmp_path / "data", "--port", str(port), "--tls-cert", str(cert), "--tls-key", str(key))

    with running(command, tmp_path / "log", port, "https", DARKROOM_API_KEYS="root:root-key") as url:
        trust = httpx.Client(verify=ssl.create_default_context(cafile=cert))
        signed_in = trust.post(f"{url}/v1/session", headers={"Authorization": "Bearer root-key"})
        assert signed_in.status_code == 201
        assert "; Secure" in signed_in.headers["Set-Cookie"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")

    assert f"api     https://127.0.0.1:{port}" in (tmp_path / "log").read_text()


def test_a_certificate_that_cannot_be_used_is_named_before_anything_starts(tmp_path):
    cert, _ = write_pair(tmp_path)

    said = refused(up(tmp_path, "--tls-cert", str(cert), "--tls-key", str(tmp_path / "gone.key")))

    assert "tls_key: there is no file" in said
    assert "Traceback" not in said


def test_insecure_starts_and_the_status_says_so(tmp_path):
    port = free_port()
    command = up(tmp_path, "--host", "0.0.0.0", "--port", str(port), "--insecure")

    with running(command, tmp_path / "up.log", port) as url:
        status = httpx.get(f"{url}/v1/status").json()

    assert status["insecure"] is True
    assert "anybody" in status["warning"]
    assert "--insecure" in (tmp_path / "up.log").read_text()


def test_the_first_key_is_printed_once_opens_everything_and_stays(tmp_path):
    port = free_port()
    command = up(tmp_path, "--host", "0.0.0.0", "--port", str(port), "--first-key")

    with running(command, tmp_path / "first.log", port) as url:
        (key,) = KEY.findall((tmp_path / "first.log").read_text())
        shown = {"Authorization": f"Bearer {key}"}
        without, with_it = httpx.get(f"{url}/v1/jobs"), httpx.get(f"{url}/v1/session", headers=shown)
    with running(command, tmp_path / "second.log", port) as url:
        later = httpx.get(f"{url}/v1/status", headers=shown)

    assert without.status_code == 401
    assert (with_it.json()["person"], with_it.json()["role"]) == ("local", "admin")
    assert (later.status_code, later.json()["insecure"]) == (200, False)
    assert KEY.findall((tmp_path / "second.log").read_text()) == []


# -- headers, as gunicorn hands them on ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """Where it is, and what it said."""

    port: int
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """gunicorn as shipped, in two processes, that believes one proxy."""
    folder, port = tmp_path_factory.mktemp("door"), free_port()
    redis = EmbeddedRedis(folder / "valkey")
    redis.start()
    settings = {
        "DARKROOM_REDIS_URL": redis.url,
        "DARKROOM_DATA_DIR": str(folder),
        "DARKROOM_PORT": str(port),
        "DARKROOM_API_PROCESSES": "2",
        "DARKROOM_API_KEYS": "root:root-key",
        "DARKROOM_TRUSTED_PROXIES": PROXY,
        "DARKROOM_PROXY_USER_HEADER": "X-Forwarded-User",
    }
    with running([sys.executable, *GUNICORN, APP], folder / "api.log", port, **settings):
        yield Server(port, folder / "api.log")
    redis.stop()


def ask(server: Server, *headers: str, source: str = PROXY, line: str = "GET /v1/session HTTP/1.1") -> tuple[int, str]:
    """One request, byte for byte, from an address of this machine; returns status and answer."""
    sent = "\r\n".join([line, "Host: rack.example", "Connection: close", *headers, "", ""])
    with closing(
        socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(source, 0))
    ) as connection:
        connection.sendall(sent.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(answer.split(" ", 2)[1]), answer


def test_whom_the_listed_proxy_names_comes_in(server):
    status, answer = ask(server, "X-Forwarded-User: ann")

    assert status == 200
    assert '"person":"ann"' in answer


@pytest.mark.parametrize(
    "headers",
    [
        ("X-Forwarded-User: root",),
        ("X_Forwarded_User: root",),
        ("X-Forwarded-User: root", f"X-Forwarded-For: {PROXY}"),
        ("X-Forwarded-User: root", f"X-Real-IP: {PROXY}", f"Forwarded: for={PROXY}"),
        ("Remote-User: root",),
        ("REMOTE_USER: root",),
        ("darkroom.proxy_user: root",),
        ("Proxy-User: root", "X-Remote-User: root"),
        (f"REMOTE_ADDR: {PROXY}", "X-Forwarded-User: root"),
    ],
    ids=str,
)
def test_nobody_else_can_name_anybody(server, headers):
    assert ask(server, *headers, source=STRANGER)[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        ("X-Forwarded-User: ann", "X-Forwarded-User: root"),
        ("x-forwarded-user: root", "X-FORWARDED-USER: ann"),
        ("X-Forwarded-User: ann, root",),
        ("X-Forwarded-User:",),
        ("X_Forwarded_User: root",),
    ],
    ids=str,
)
def test_two_names_or_none_are_nobody(server, headers):
    assert ask(server, *headers)[0] == 401


def test_a_name_with_underscores_does_not_stand_beside_the_proxys(server):
    status, answer = ask(server, "X_Forwarded_User: root", "X-Forwarded-User: ann", "X-Forwarded_User: root")

    assert status == 200
    assert '"person":"ann"' in answer


@pytest.mark.parametrize("source", [PROXY, STRANGER])
def test_nobody_moves_a_request_to_another_path(server, source):
    """gunicorn lets loopback do so as shipped by its makers: `GET /healthz` would become any other route."""
    moved = ask(server, "PATH_INFO: /v1/jobs", "SCRIPT_NAME: /v1", line="GET /healthz HTTP/1.1", source=source)

    assert moved[0] == 200
    assert '"state":"ok"' in moved[1]


def test_the_scheme_is_the_listed_proxys_word_only(server):
    sign_in = "POST /v1/session HTTP/1.1"
    shown = "Authorization: Bearer root-key"

    behind_tls = ask(server, shown, "X-Forwarded-Proto: https", "Content-Length: 0", line=sign_in)
    claimed = ask(server, shown, "X-Forwarded-Proto: https", "Content-Length: 0", line=sign_in, source=STRANGER)
    claimed_otherwise = ask(server, shown, "X-Forwarded-Ssl: on", "Content-Length: 0", line=sign_in, source=STRANGER)

    assert (behind_tls[0], claimed[0], claimed_otherwise[0]) == (201, 201, 201)
    assert "; Secure" in behind_tls[1]
    assert "; Secure" not in claimed[1] + claimed_otherwise[1]


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("Content-Length: 0", "Content-Length: 5"),
        ("X-Forwarded-User : ann",),
    ],
    ids=str,
)
def test_a_request_that_can_be_read_in_two_ways_is_not_read(server, headers):
    assert ask(server, *headers)[0] in (400, 501)


def test_a_refused_sign_in_is_logged_without_what_was_shown(server):
    sign_in = "POST /v1/session HTTP/1.1"
    status, _ = ask(server, "Authorization: Bearer root-key-but-wrong", "Content-Length: 0", line=sign_in)

    assert status == 401
    assert "sign_in.refused" in server.log.read_text()
    assert "root-key" not in server.log.read_text()


# -- sessions over several processes -------------------------------------------------------------------------------------


def opens(server: Server, token: str) -> set[int]:
    """What it opens in any of the processes: new connections are spread over them."""
    return {ask(server, f"Cookie: {COOKIE}={token}", source=STRANGER)[0] for _ in range(6)}


def test_a_session_opens_every_process_and_after_its_end_none_within_a_second(server):
    signed_in = ask(
        server, "Authorization: Bearer root-key", "Content-Length: 0", line="POST /v1/session HTTP/1.1", source=STRANGER
    )[1]
    token = re.search(rf"{COOKIE}=([^;]+);", signed_in)[1]
    assert opens(server, token) == {200}

    out = ask(
        server,
        f"Cookie: {COOKIE}={token}",
        "Origin: http://rack.example",
        line="DELETE /v1/session HTTP/1.1",
        source=STRANGER,
    )
    ended_at = time.monotonic()
    while time.monotonic() < ended_at + END_S:  # whoever asks on keeps nothing alive
        opens(server, token)
        threading.Event().wait(0.1)

    assert out[0] == 200
    assert opens(server, token) == {401}
