"""The private Valkey: it keeps what was written, guards its folder, and never outlives the one who started it."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from shared.errors import InvalidRequest
from shared.redis.embedded import PORTS, EmbeddedRedis, _is_free, free_port, running_url
from tests.rig import ROOT, wait_for

START_AND_WAIT = """
import sys, time
from pathlib import Path
from shared.redis.embedded import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
time.sleep(600)
"""


def test_what_was_written_is_there_after_a_restart(tmp_path: Path):
    server = EmbeddedRedis(tmp_path)
    redis.Redis.from_url(server.start()).set("a", "1")
    server.stop()

    again = EmbeddedRedis(tmp_path)
    found = redis.Redis.from_url(again.start()).get("a")
    again.stop()

    assert found == b"1"


def test_two_never_share_a_folder(tmp_path: Path):
    first = EmbeddedRedis(tmp_path / "valkey")
    first.start()

    with pytest.raises(InvalidRequest, match="already runs"):
        EmbeddedRedis(tmp_path / "valkey").start()

    first.stop()


def test_it_ends_when_its_starter_is_killed(tmp_path: Path):
    starter = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    _, pid = starter.stdout.readline().split()

    starter.kill()
    starter.wait()

    wait_for(lambda: not psutil.pid_exists(int(pid)), 10, "the server's end")


def test_a_free_port_is_none_that_an_outgoing_connection_may_be_given():
    assert all(free_port() in PORTS for _ in range(20))


def test_a_port_that_is_taken_is_not_given():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        port = taken.getsockname()[1]

        assert not _is_free(port)


def test_a_running_server_is_found_by_its_folder_and_a_stopped_one_is_not(tmp_path: Path):
    folder = tmp_path / "valkey"
    never = running_url(folder)
    server = EmbeddedRedis(folder)
    server.start()

    with pytest.raises(InvalidRequest, match="already runs"):
        EmbeddedRedis(folder).start()  # which must not wipe what tells where the first one is
    found = running_url(folder)
    server.stop()

    assert (never, found, running_url(folder)) == (None, server.url, None)
