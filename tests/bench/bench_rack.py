"""Three models on four unequal CPU workers: the shipped order of reading against FIFO and turns, over real processes.

Run: `python -m tests.bench.bench_rack OUT.json`. Loads and steps are pauses (see `tests/rack/engine.py`), so the figures are
those of the scheduling: how often models were brought onto cards, how long all took, and how long jobs waited.
"""

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.stack import FaultRig
from tests.rack.stack import rack

#: MiB; light fits all, middle three, heavy two. A hundredth of 2, 4, 6 and 7.5 GB.
BUDGETS_MIB = (20, 40, 60, 75)
ORDERS = ("", "fifo", "round_robin")
JOBS = 150
SHARES = {"light": 5, "middle": 3, "heavy": 3}
STEPS, PACE_MS = 4, 40
#: Shorter loads were none: the model was there, and its records still count the few ms until the first step.
LOADED_FROM_MS = 300


def workload(jobs: int = JOBS, seed: int = 5) -> list[str]:
    """The models of all jobs in the order they come, mixed."""
    return random.Random(seed).choices(list(SHARES), list(SHARES.values()), k=jobs)


def run(rig: FaultRig, models: list[str]) -> dict[str, Any]:
    """Send all at once, wait for all; the numbers."""
    ids = [rig.generate(f"pace={PACE_MS}", model=model, steps=STEPS)["id"] for model in models]
    rig.finish_all(ids, 600)
    records = [rig.store.get(job_id) for job_id in ids]
    assert {record.state.value for record in records} == {"succeeded"}
    waits_s = sorted(record.timings.queued_ms / 1000 for record in records)
    return {
        "switches": sum(record.timings.loading_ms >= LOADED_FROM_MS for record in records),
        "makespan_s": round((max(r.ended_at_ms for r in records) - min(r.created_at_ms for r in records)) / 1000, 2),
        "wait_p50_s": round(waits_s[len(waits_s) // 2], 2),
        "wait_p95_s": round(waits_s[int(0.95 * len(waits_s))], 2),
        "wait_longest_s": round(waits_s[-1], 2),
    }


def measure() -> dict[str, Any]:
    """All orders, one after the other on fresh stacks."""
    found: dict[str, Any] = {}
    for order in ORDERS:
        with (
            tempfile.TemporaryDirectory() as folder,
            rack(Path(folder), BUDGETS_MIB, order, DARKROOM_MAX_BATCH="1", DARKROOM_MAX_WAIT_S="10") as rig,
        ):
            found[order or "affinity"] = run(rig, workload())
    ours = found["affinity"]
    ratios = {
        f"{what}_against_{order}": round(found[order][what] / max(ours[what], 1e-9), 2)
        for order in ORDERS[1:]
        for what in ("switches", "makespan_s")
    }
    return {"jobs": JOBS, "budgets_mib": list(BUDGETS_MIB), **found, **ratios}


def main(out: Path) -> dict[str, Any]:
    numbers = measure()
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
