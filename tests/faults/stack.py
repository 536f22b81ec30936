"""A whole stack whose workers run the fault engine: real processes, a real Valkey, no torch. A start costs seconds."""

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from shared.rack.worker_registry import WorkerRegistry, WorkerReport
from tests.faults.engine import mark_of
from tests.rig import Rig, wait_for

MODELS = Path(__file__).with_name("models.toml")
#: Too little for any real model, so that the workers serve the fault model only.
BUDGET_MIB = 8
ENDED = ("succeeded", "failed", "cancelled")


class FaultRig(Rig):
    """A rig whose jobs are fault jobs."""

    def __init__(self, folder: Path, workers: int = 1, **environment: str) -> None:
        mine = {
            "DARKROOM_MODELS_FILE": str(MODELS),
            "DARKROOM_CPU_WORKERS": str(workers),
            "DARKROOM_CPU_BUDGETS_MIB": ",".join([str(BUDGET_MIB)] * workers),
        }
        super().__init__(folder, **(mine | environment))
        self.workers = workers

    # -- jobs --------------------------------------------------------------------------------------------------------

    def generate(self, prompt: str = "pace=20", **fields: Any) -> dict[str, Any]:
        return super().generate(**({"model": "fault", "prompt": prompt, "steps": 2} | fields))

    def long_job(self, seconds: int = 3) -> dict[str, Any]:
        """A job that runs, and will for some seconds; its record."""
        job_id = str(self.generate("pace=50", steps=20 * seconds)["id"])
        return self.wait_for_state(job_id, "running")

    def occupy(self, seconds: int = 3) -> list[str]:
        """Give every worker something long to do, so that what comes next waits; the jobs' ids.

        Sizes differ, so that no two of them share a pass; and each has as many pictures as there are seats, so that nobody
        joins it.
        """
        sizes, seats = [64 + 8 * number for number in range(self.workers)], self.settings.max_batch
        ids = [str(self.generate("pace=50", steps=20 * seconds, width=size, n=seats)["id"]) for size in sizes]
        for job_id in ids:
            self.wait_for_state(job_id, "running")
        return ids

    def finish_all(self, ids: list[str], limit_s: float = 90.0) -> list[dict[str, Any]]:
        """All jobs as they ended, in order."""

        def look() -> list[dict[str, Any]] | None:
            rows = self.http.get("/v1/jobs", params={"ids": ",".join(ids)}).json()["jobs"]
            return rows if all(row["state"] in ENDED for row in rows) else None

        return wait_for(look, limit_s, f"the end of {len(ids)} jobs")  # type: ignore[return-value]

    def wait_for_attempt(self, job_id: str, attempt: int, limit_s: float = 60.0) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            record = self.job(job_id)
            return record if record["attempt"] >= attempt else None

        return wait_for(look, limit_s, f"attempt {attempt} of {job_id}")  # type: ignore[return-value]

    # -- processes ---------------------------------------------------------------------------------------------------

    def reports(self) -> list[WorkerReport]:
        return WorkerRegistry(self.store.redis).living()

    def wait_until_ready(self, limit_s: float = 60.0) -> "FaultRig":
        wait_for(lambda: len(self.mains()) == len(self.reports()) == self.workers, limit_s, "living workers")
        return self

    def mains(self, name: str = "workers") -> list[psutil.Process]:
        """The Celery main processes of a launcher, alive."""
        return living(self.parts[name].pid, "celery") if name in self.parts else []

    def main_of(self, worker: str) -> psutil.Process:
        """The main process of the worker with this name."""
        return psutil.Process(next(report.pid for report in self.reports() if report.name == worker))

    def child_of(self, worker: str) -> psutil.Process:
        """The process that owns its device."""
        main = self.main_of(worker)
        return wait_for(lambda: living(main.pid, "spawn_main"), what="a child")[0]

    def children(self) -> list[psutil.Process]:
        """All processes that own a device, alive."""
        return [child for main in self.mains() for child in living(main.pid, "spawn_main")]

    def kill_host(self, name: str = "workers") -> None:
        """Launcher, workers and children at once: the machine is gone."""
        part = self.parts.pop(name)
        for process in [*psutil.Process(part.pid).children(recursive=True), psutil.Process(part.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        part.wait()

    def kill_valkey(self) -> None:
        os.kill(self.valkey.pid or 0, signal.SIGKILL)
        self.valkey.stop()

    # -- the broker's messages ---------------------------------------------------------------------------------------

    def messages(self, queue: str = "fault.normal") -> list[bytes]:
        """What waits in a queue, the newest first."""
        return list(self.store.redis.lrange(queue, 0, -1))


def living(pid: int, word: str) -> list[psutil.Process]:
    """Living children of a process whose command line has the word."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if word in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
    return found


def pass_time(seconds: float) -> None:
    """Wait while a fault lasts: how long it lasts is the fault."""
    ends_at = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= ends_at, seconds + 30)


def new_mark() -> int:
    """For `once=N` and `gate=N` in a prompt."""
    return secrets.randbits(60)


def open_gate(mark: int) -> None:
    """A job with `gate=N` goes on."""
    mark_of(mark).touch()


@contextlib.contextmanager
def fault_stack(folder: Path, workers: int = 1, **environment: str) -> Iterator[FaultRig]:
    """API and workers, ready for jobs."""
    with FaultRig(folder, workers, **environment) as rig:
        rig.start_api().start_workers().wait_until_ready()
        yield rig
