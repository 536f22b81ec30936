"""Starts, watches and stops everything on one host: a private Valkey, the web server, the workers.

Order of starting: Valkey, API, worker. Order of stopping, after the first Ctrl-C or SIGTERM: the worker first, so that its
running job ends or goes back to the queue while Redis still answers; then the API, then Valkey. A second signal stops
hard. A part that dies is started again, with a pause that doubles; one that dies `MAX_DEATHS` times in a row ends the
whole stack, because then something is wrong that a restart does not cure.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx
from pydantic import SecretStr

from api.cli.first_key import make_first_key
from api.responses.page_files import PAGE_FOLDER, PageFiles
from api.services.start_rules import check_listening, check_settings
from api.services.tls import is_secure
from shared.errors import InvalidRequest
from shared.models.catalogue import load_catalogue
from shared.processes import dies_with_parent
from shared.queue.broker import STOP_MARGIN_S
from shared.redis.embedded import EmbeddedRedis
from shared.settings import NOTHING, Settings

#: Deaths in a row after which the stack gives up, and how long a part must live to start counting afresh.
MAX_DEATHS = 5
HEALTHY_AFTER_S = 60.0
FIRST_PAUSE_S = 0.5
#: How long the web server may take to stop: its graceful limit and a margin.
API_STOP_S = 8.0
#: How often parts are looked at.
WATCH_EVERY_S = 0.2
API_START_LIMIT_S = 30.0

Say = Callable[[str], None]


def say_at_once(line: str) -> None:
    """Print, also where the output is a file that others read meanwhile."""
    print(line, flush=True)


@dataclass
class Part:
    """One child process that is kept alive."""

    name: str
    command: tuple[str, ...]
    stop_limit_s: float
    process: "subprocess.Popen[bytes] | None" = None
    started_at_s: float = 0.0
    start_after_s: float = 0.0
    deaths: int = 0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, environment: Mapping[str, str], log_file: Path | None) -> None:
        with log_file.open("ab") if log_file else nullcontext() as log:
            # Its own session: Ctrl-C reaches only us, and we stop the parts in their order.
            self.process = subprocess.Popen(
                self.command,
                env=dict(environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        self.started_at_s = time.monotonic()

    def ask_to_stop(self) -> None:
        if self.is_running and self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, hurry: threading.Event) -> int | None:
        """Stop it; after its limit, or in a hurry, hard. Returns its exit status."""
        self.ask_to_stop()
        ends_at = time.monotonic() + self.stop_limit_s
        while self.is_running and time.monotonic() < ends_at and not hurry.is_set():
            hurry.wait(0.05)
        if self.process is None:
            return None
        if self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


@dataclass
class Stack:
    """Everything on one host. `start` and `stop` come in pairs; `watch` runs between them."""

    settings: Settings
    with_worker: bool = True
    #: Whether to make an administrator's key, and to print it, where no key was ever made.
    with_first_key: bool = False
    say: Say = say_at_once
    #: Where the built page lies, if it is built.
    page_folder: Path = PAGE_FOLDER
    #: Where the parts' own words go; None: to this terminal.
    log_file: Path | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    redis: EmbeddedRedis | None = None
    redis_deaths: int = 0
    parts: list[Part] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        scheme = "https" if is_secure(self.settings) else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

    @property
    def has_page(self) -> bool:
        return PageFiles(self.page_folder).is_built

    @property
    def page_url(self) -> str:
        return f"{self.url}/ui/"

    def start(self) -> None:
        """Start all parts and wait until the API answers.

        Raises:
            InvalidRequest: a setting or the models file is wrong, or the API did not come up; what it said stands above.
        """
        # Read here too, though only the parts use them: one sentence now, instead of a traceback from each of them.
        load_catalogue(self.settings)
        check_settings(self.settings)
        self._require_free_port()
        redis_url = self.settings.redis_url or self._start_redis()
        reached = self.settings.model_copy(update={"redis_url": redis_url})
        if self.with_first_key:
            make_first_key(reached, self.say)
        check_listening(reached, [self.settings.host])
        self.environment = environment_of(self.settings) | {"DARKROOM_REDIS_URL": redis_url}
        python = sys.executable
        api = Part("api", (python, "-m", "gunicorn", "-c", "python:api.gunicorn_settings", "api.wsgi:app"), API_STOP_S)
        self.parts = [api]
        if self.with_worker:
            limit_s = self.settings.drain_s + 2 * STOP_MARGIN_S
            self.parts.append(Part("worker", (python, "-m", "workers.supervisor.launcher"), limit_s))
        for part in self.parts:
            part.start(self.environment, self.log_file)
        self._wait_for_api(api)
        self.say(f"api     {self.url}   (docs: {self.url}/docs)")
        if self.has_page:
            self.say(f"page    {self.page_url}")
        if self.settings.insecure:
            self.say("api     --insecure: where no key was made, whoever reaches this address may do everything")

    def watch(self) -> int:
        """Keep the parts alive until asked to stop; returns the exit status."""
        while not self.stopping.wait(WATCH_EVERY_S):
            if not self.tend():
                return 1
        return 0

    def tend(self) -> bool:
        """Look once at every part, and start again what died; False when the stack cannot go on."""
        if self.redis is not None and not self.redis.is_running and not self._revive_redis(self.redis):
            self.say(f"redis   ended {MAX_DEATHS} times; see valkey.log in {self.settings.data_dir}. Stopping.")
            return False
        for part in self.parts:
            if not part.is_running and not self._revive(part):
                self.say(f"{part.name:7} ended {MAX_DEATHS} times in a row; see above why. Stopping.")
                return False
        return True

    def stop(self) -> None:
        """Stop everything in order; harmless when nothing runs."""
        for part in reversed(self.parts):
            if part.is_running:
                self.say(f"{part.name:7} stopping (up to {part.stop_limit_s:.0f} s)")
            part.stop(self.hurry)
        if self.redis is not None:
            self.redis.stop()
        self.parts, self.redis = [], None

    def stop_on_signals(self) -> None:
        """Ctrl-C and SIGTERM drain; a second one stops hard."""

        def ask(number: int, frame: FrameType | None) -> None:
            if self.stopping.is_set():
                self.hurry.set()
            self.stopping.set()

        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)

    def _start_redis(self) -> str:
        self.redis = EmbeddedRedis(self.settings.data_dir / "redis")
        url = self.redis.start()
        self.say(f"redis   {url}   (private, data in {self.settings.data_dir / 'redis'})")
        return url

    def _require_free_port(self) -> None:
        """Else the probe of our own API would be answered by whoever is there."""
        try:
            family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
            socket.create_server((self.settings.host, self.settings.port), family=family).close()
        except OSError as exc:
            where = f"{self.settings.host}:{self.settings.port}"
            raise InvalidRequest(
                f"{where} is not free ({exc.strerror}); give another with --port", field="port"
            ) from exc

    def _wait_for_api(self, api: Part) -> None:
        ends_at = time.monotonic() + API_START_LIMIT_S
        while time.monotonic() < ends_at and api.is_running and not self.stopping.is_set():
            try:
                # Our own server on this machine: its certificate names another host.
                if httpx.get(f"{self.url}/healthz", timeout=1, verify=False).status_code == 200:
                    return
            except httpx.TransportError:
                self.stopping.wait(0.05)
        if not self.stopping.is_set():
            raise InvalidRequest(f"the API did not come up on {self.url}; what it said stands above")

    def _revive_redis(self, redis: EmbeddedRedis) -> bool:
        """Start the private Valkey again, with everything in its append-only file, where the parts look for it."""
        self.redis_deaths += 1
        if self.redis_deaths >= MAX_DEATHS:
            return False
        self.say("redis   ended; starting it again from its append-only file")
        redis.stop()
        redis.start()
        return True

    def _revive(self, part: Part) -> bool:
        """Start a dead part again when its pause is over; False when it died too often."""
        now_s = time.monotonic()
        if not part.start_after_s:
            part.deaths = 1 if now_s - part.started_at_s > HEALTHY_AFTER_S else part.deaths + 1
            pause_s = FIRST_PAUSE_S * 2 ** (part.deaths - 1)
            part.start_after_s = now_s + pause_s
            status = part.process.returncode if part.process else None
            self.say(f"{part.name:7} ended with status {status}; starting it again in {pause_s:.1f} s")
            return part.deaths < MAX_DEATHS
        if now_s >= part.start_after_s:
            part.start_after_s = 0.0
            part.start(self.environment, self.log_file)
        return True


def environment_of(settings: Settings) -> dict[str, str]:
    """This process's environment with exactly these settings in it, so that every part reads the same ones."""
    ours = {f"DARKROOM_{name.upper()}" for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    given = settings.model_dump(exclude_unset=True)
    return kept | {f"DARKROOM_{name.upper()}": _as_text(value) for name, value in given.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or NOTHING
    return str(value)
