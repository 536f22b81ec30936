"""What a batch costs beside the work itself: acceptance, members per second, overhead per step against a bare loop.

Run: `python -m tests.bench.bench_batches OUT.json`. One worker, an engine that takes a fixed time, no GPU batches: so what
is above the bare engine loop is ours (queue, claim, lease, PNG, result, next ticket). The bare loop runs before and
after in this process, on the same cores, and its better run counts.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shared.contracts.generation import GenerationParams
from shared.models.catalogue import load_catalogue
from tests.faults.engine import FaultEngine
from tests.faults.stack import FaultRig
from tests.rig import wait_for
from workers.engines.base import GenerateWork

#: An engine step; two of them make a job of 100 ms, a fast model's.
PACE_MS = 50
ENGINE_STEPS = 2
MEMBERS = 60
CHAIN = 3
#: Numbers of members whose acceptance is measured.
ACCEPTED = (1000, 5000)
LIMIT_S = 300.0


class Unwatched:
    """A watch nobody looks at."""

    def step(self, step: int, steps: int, previews: Any = None) -> None: ...

    def phase(self, phase: str) -> None: ...

    def degrade(self, what: str) -> None: ...


def bare_job_s(rig: FaultRig, jobs: int = 30) -> float:
    """Seconds a job takes in a loop that only calls the engine."""
    engine = FaultEngine(load_catalogue(rig.settings).get("fault"))
    params = GenerationParams(
        prompt=f"pace={PACE_MS}",
        negative_prompt="",
        width=64,
        height=64,
        steps=ENGINE_STEPS,
        guidance_scale=5.0,
        scheduler="euler",
        seed=1,
        n=1,
    )
    started = time.perf_counter()
    for _ in range(jobs):
        engine.generate([GenerateWork(params, None)], Unwatched())  # type: ignore[arg-type]
    return (time.perf_counter() - started) / jobs


def accept_s(rig: FaultRig, members: int) -> float:
    """Seconds until a batch of so many members with three steps is accepted; it is cancelled then."""
    started = time.perf_counter()
    batch = send(rig, [f"pace=0 {n}" for n in range(members)])
    took = time.perf_counter() - started
    rig.http.post(f"/v1/batches/{batch['id']}/cancel")
    rig.http.delete(f"/v1/batches/{batch['id']}")
    return took


def run_s(rig: FaultRig) -> tuple[float, dict[str, Any]]:
    """Seconds from sending a batch to its end, and its record then."""
    started = time.perf_counter()
    batch = send(rig, [f"pace={PACE_MS} {n}" for n in range(MEMBERS)])

    def ended() -> dict[str, Any] | None:
        now = rig.http.get(f"/v1/batches/{batch['id']}", params={"wait": 20}).json()
        return dict(now) if now["state"] == "finished" else None

    now = wait_for(ended, LIMIT_S, "the end of the batch")
    return time.perf_counter() - started, now or {}


def send(rig: FaultRig, prompts: list[str]) -> dict[str, Any]:
    step = {"kind": "generate", "model": "fault", "steps": ENGINE_STEPS}
    answer = rig.http.post("/v1/batches", json={"prompts": prompts, "steps": [step] * CHAIN})
    answer.raise_for_status()
    return dict(answer.json())


def measure(folder: Path) -> dict[str, Any]:
    """The numbers; `overhead_per_step_ms` is what one job costs beyond the engine's own time."""
    with FaultRig(folder, DARKROOM_MAX_BATCH="1", DARKROOM_PREVIEW_EVERY_STEPS="0") as rig:
        rig.start_api().start_workers().wait_until_ready()
        rig.finish(rig.generate()["id"])  # imports and connections are warm
        before_s = bare_job_s(rig)
        took_s, batch = run_s(rig)
        bare_s = min(before_s, bare_job_s(rig))
        accepted = {str(members): round(accept_s(rig, members), 3) for members in ACCEPTED}
    jobs = MEMBERS * CHAIN
    return {
        "accept_s_by_members_of_3_steps": accepted,
        "members": MEMBERS,
        "steps_each": CHAIN,
        "succeeded": batch["counts"]["succeeded"],
        "members_per_second": round(MEMBERS / took_s, 2),
        "jobs_per_second": round(jobs / took_s, 2),
        "bare_job_ms": round(1000 * bare_s, 2),
        "batch_job_ms": round(1000 * took_s / jobs, 2),
        "overhead_per_step_ms": round(1000 * (took_s / jobs - bare_s), 2),
        "share_of_bare_loop": round(bare_s * jobs / took_s, 3),
    }


def main(out: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        numbers = measure(Path(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
