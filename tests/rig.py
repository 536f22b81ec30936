"""A whole stack as real processes, for end-to-end tests, fault tests and the bench: Valkey, API, launcher, workers."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from shared.jobs.store import JobStore
from shared.redis.client import connect
from shared.redis.embedded import EmbeddedRedis, free_port
from shared.settings import Settings

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
#: Recovery fast enough for tests; everything else as shipped.
FAST = {
    "DARKROOM_LEASE_S": "3",
    "DARKROOM_RECOVERY_INTERVAL_S": "0.3",
    "DARKROOM_STALE_QUEUED_S": "2",
    "DARKROOM_DRAIN_S": "10",
    "DARKROOM_RETRY_BACKOFF_S": "0.3",
    "DARKROOM_GPUS": "none",
    "DARKROOM_CPU_THREADS": "1",
    "DARKROOM_EMBED_WORKERS": "0",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def wait_for(look: Callable[[], T], limit_s: float = 60.0, what: str = "") -> T:
    """Look again until something true is seen, with a limit; returns it."""
    limit = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if seen := look():
                return seen
        if time.monotonic() > limit:
            raise AssertionError(f"not seen within {limit_s} s: {what or look}")
        time.sleep(0.03)


class Rig:
    """One stack. `with Rig(folder) as rig:`; parts can be killed and started again."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.valkey = EmbeddedRedis(folder / "valkey")
        self.environment = environment
        self.port = free_port()
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=90)

    def __enter__(self) -> "Rig":
        self.valkey.start()
        return self

    def __exit__(self, *_: Any) -> None:
        for name in reversed(list(self.parts)):
            self.stop(name)
        self.valkey.stop()
        self.http.close()

    @property
    def settings(self) -> Settings:
        names = {name.removeprefix("DARKROOM_").lower(): value for name, value in self._variables().items()}
        return Settings(**{n: v for n, v in names.items() if n in Settings.model_fields})  # type: ignore[arg-type]

    @property
    def store(self) -> JobStore:
        return JobStore(connect(self.valkey.url, 5), self.settings)

    def start_api(self) -> "Rig":
        self._start("api", ["-m", "gunicorn", "-c", "python:api.gunicorn_settings", "api.wsgi:app"])
        wait_for(lambda: self.http.get("/healthz").status_code == 200, what="the API")
        return self

    def start_workers(self, name: str = "workers", **environment: str) -> "Rig":
        self._start(name, ["-m", "workers.supervisor.launcher"], **environment)
        return self

    def wait_until_ready(self, limit_s: float = 60.0) -> "Rig":
        wait_for(lambda: self.http.get("/readyz").status_code == 200, limit_s, "a ready stack")
        return self

    def stop(self, name: str, how: int = signal.SIGTERM, limit_s: float = 40.0) -> int:
        """End one part and all its descendants; returns its exit status."""
        part = self.parts.pop(name)
        family = _family(part.pid)
        if part.poll() is None:
            part.send_signal(how)
        try:
            status = part.wait(limit_s)
        except subprocess.TimeoutExpired:
            part.kill()
            status = part.wait()
        _, left = psutil.wait_procs(family, timeout=5)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return status

    def worker_main(self, name: str = "workers") -> psutil.Process:
        """The (first) Celery main process of a launcher."""
        return wait_for(lambda: _find(self.parts[name].pid, "celery"), what="a worker process")

    def worker_child(self, name: str = "workers") -> psutil.Process:
        """The process that owns the device: the pool's child."""
        return wait_for(lambda: _find(self.worker_main(name).pid, "spawn_main"), what="a child")

    def generate(self, **fields: Any) -> dict[str, Any]:
        """Send one small job; returns its record."""
        body = {"prompt": "a lamp", "steps": 4, "width": 64, "height": 64, "seed": 1, "model": "sdxl-toy"} | fields
        answer = self.http.post("/v1/generate", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_for_state(self, job_id: str, *states: str, limit_s: float = 60.0) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            record = self.job(job_id)
            return record if record["state"] in states else None

        return wait_for(look, limit_s, f"{job_id} in {states}")  # type: ignore[return-value]

    def finish(self, job_id: str, limit_s: float = 90.0) -> dict[str, Any]:
        return self.wait_for_state(job_id, "succeeded", "failed", "cancelled", limit_s=limit_s)

    def one_more_good_answer(self) -> dict[str, Any]:
        """How every fault test ends."""
        done = self.finish(self.generate(prompt="one more", seed=7)["id"])
        assert done["state"] == "succeeded", done
        return done

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, command: list[str], **environment: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.parts[name] = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=os.environ | self._variables() | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _variables(self) -> dict[str, str]:
        mine = {
            "DARKROOM_REDIS_URL": self.valkey.url,
            "DARKROOM_DATA_DIR": str(self.folder),
            "DARKROOM_PORT": str(self.port),
        }
        return FAST | mine | self.environment


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _find(pid: int, word: str) -> psutil.Process | None:
    """The first living child whose command line has the word."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            if word in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                return child
    return None


@contextlib.contextmanager
def running_stack(folder: Path, **environment: str) -> Iterator[Rig]:
    """API and one CPU worker, ready for jobs."""
    with Rig(folder, **environment) as rig:
        rig.start_api().start_workers().wait_until_ready()
        yield rig
