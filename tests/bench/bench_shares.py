"""Shares: what three people get on four unequal GPUs (simulated), and what a claim costs with 20,000 jobs of 500 people waiting.

Run: `python -m tests.bench.bench_shares OUT.json`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.redis.client import connect
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings
from tests.bench import simulate_shares

JOBS, PEOPLE, CLAIMS = 20_000, 500, 500
QUEUE = "m.normal"
AT_ONCE = 500


def claim_ms(store: JobStore, jobs: int = JOBS, people: int = PEOPLE, claims: int = CLAIMS) -> dict[str, float]:
    """Milliseconds of one claim, asking whose turn it is included, with so many jobs of so many people in one queue; and of
    asking for the peers of a GPU batch, and of a worker's look at its queues."""
    records = [_waiting(number, people) for number in range(jobs)]
    for start in range(0, jobs, AT_ONCE):
        store.create_many(records[start : start + AT_ONCE])
    shares = Shares(store, 30.0)

    def claim(number: int) -> None:
        shares.claim_next(
            QUEUE, lambda job, now_ms: lifecycle.claim(job, now_ms, worker="w", gpu="cpu", token=str(number))
        )

    return {
        **_timed("claim", claim, claims),
        **_timed("peers", lambda _: shares.peers("m:shape", 12), claims // 10),
        **_timed("look", lambda _: shares.look([QUEUE, "m.high", "m.low"]), claims // 10),
    }


def _waiting(number: int, people: int) -> JobRecord:
    return JobRecord(
        id=new_job_id(),
        kind="generate",
        model="m",
        state=State.QUEUED,
        caller=f"person{number % people}",
        params={"width": 512, "height": 512, "steps": 10 + number % 20, "n": 1},
        queue=QUEUE,
        batch_key="m:shape",
    )


def _timed(what: str, act: Any, times: int) -> dict[str, float]:
    took = []
    for number in range(times):
        began = time.perf_counter()
        act(number)
        took.append(1000 * (time.perf_counter() - began))
    took.sort()
    return {f"{what}_p50_ms": round(median(took), 2), f"{what}_p95_ms": round(took[int(0.95 * len(took))], 2)}


def measure() -> dict[str, Any]:
    """Both."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        try:
            roomy = Settings(redis_url=server.url, max_queued_jobs=2 * JOBS)
            costs = claim_ms(JobStore(connect(server.url, 30), roomy))
        finally:
            server.stop()
    rows = {f"{row['workload']}, {row['policy']}": row for row in simulate_shares.measure()}
    return {"jobs": JOBS, "people": PEOPLE, **costs, **rows}


def main(out: Path) -> dict[str, Any]:
    numbers = measure()
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
