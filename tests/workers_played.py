"""Plays a worker's part over the real store: reports, claims, ends. No engine runs."""

import threading
import time
from typing import Any

from api.services import Services
from shared.contracts.jobs import JobRecord, Progress, State
from shared.jobs import lifecycle
from shared.rack.worker_registry import GpuFacts, WorkerReport


def report(name: str = "gpu0", *, budget_mib: int = 12_000, **more: Any) -> WorkerReport:
    """What a worker says of itself."""
    card = GpuFacts(name="test card", uuid=f"GPU-{name}", total_mib=budget_mib)
    return WorkerReport(name=name, host="here", pid=1, gpu=card, budget_mib=budget_mib, **more)


def start(services: Services, job_id: str, *, token: str = "pen") -> JobRecord:
    """Claim a job."""
    return services.store.move(
        job_id, lambda job, now_ms: lifecycle.claim(job, now_ms, worker="gpu0", gpu="GPU-0", token=token)
    )


def step(services: Services, job_id: str, step: int, *, token: str = "pen", preview: bytes = b"") -> str:
    """One sign of life."""
    progress = Progress(phase="running", step=step, steps=8, percent=step * 12, has_preview=bool(preview))
    return services.store.beat(job_id, token, progress, preview=preview)


def succeed(services: Services, job_id: str, *, token: str = "pen", image_ids: tuple[str, ...] = ()) -> JobRecord:
    """End a claimed job well."""
    result = {"images": [{"id": image_id} for image_id in image_ids]}
    return services.store.move(
        job_id, lambda job, now_ms: lifecycle.end(job, now_ms, token=token, state=State.SUCCEEDED, result=result)
    )


def next_queued(services: Services, limit_s: float = 60.0) -> str:
    """The id of the oldest queued job, as soon as there is one."""
    ends_at = time.monotonic() + limit_s
    while time.monotonic() < ends_at:
        if ids := services.store.ids_between(State.QUEUED, 0, 0):
            return ids[0]
        threading.Event().wait(0.01)
    raise AssertionError(f"no job was queued within {limit_s} s")
