"""A whole stack whose workers run the fault engine: real processes, a real Valkey, no torch. A start costs seconds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from shared.worker_registry import WorkerRegistry, WorkerReport
from tests.rig import Rig, wait_for

MODELS = Path(__file__).with_name("models.toml")
#: Too little for any real model, so that the workers serve the fault model only.
BUDGET_MIB = 8


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

    def generate(self, prompt: str = "pace=20", **fields: Any) -> dict[str, Any]:
        return super().generate(**({"model": "fault", "prompt": prompt, "steps": 2} | fields))

    def long_job(self, **fields: Any) -> str:
        """A job of 5 s, running; returns its id."""
        job_id = str(self.generate("pace=100", steps=50, **fields)["id"])
        self.wait_for_state(job_id, "running")
        return job_id

    def reports(self) -> list[WorkerReport]:
        return WorkerRegistry(self.store.redis).living()

    def wait_until_ready(self, limit_s: float = 60.0) -> "FaultRig":
        wait_for(lambda: len(self.reports()) >= self.workers, limit_s, "living workers")
        return self

    def mains(self, name: str = "workers") -> list[psutil.Process]:
        """The Celery main processes of a launcher, alive."""
        return _living(self.parts[name].pid, "celery")

    def children(self, name: str = "workers") -> list[psutil.Process]:
        """The processes that own a device, alive."""
        return [child for main in self.mains(name) for child in _living(main.pid, "spawn_main")]

    def kill_host(self, name: str = "workers") -> None:
        """Launcher, workers and children at once: the machine is gone."""
        part = self.parts.pop(name)
        family = [psutil.Process(part.pid), *psutil.Process(part.pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        part.wait()


def _living(pid: int, word: str) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if word in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
    return found


@contextlib.contextmanager
def fault_stack(folder: Path, workers: int = 1, **environment: str) -> Iterator[FaultRig]:
    """API and workers, ready for jobs."""
    with FaultRig(folder, workers, **environment) as rig:
        rig.start_api().start_workers().wait_until_ready()
        yield rig
