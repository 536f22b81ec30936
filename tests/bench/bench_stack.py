"""The whole stack: start latency, polls, many ids at once.

Run: `python -m tests.bench.bench_stack OUT.json`. All numbers are ratios or medians of this run; absolute ones only mean
something beside each other. The picture is the toy's at 128², 20 steps. The workers run as shipped: they measure their
threads themselves. Pictures a second against a bare loop: `bench_steps`.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.rig import Rig, running_stack

JOB = {"model": "sdxl-toy", "prompt": "a lamp", "width": 128, "height": 128, "steps": 20, "guidance_scale": 5.0}
#: The rig fixes one thread for tests; a user has not set any.
AS_SHIPPED = {"DARKROOM_CPU_THREADS": "0"}
POLLS = 300


def wait_for_all(rig: Rig, ids: list[str]) -> None:
    """Held polls, one after the other: a busy poller would take a core from the worker that it measures."""
    for job_id in ids:
        while rig.http.get(f"/v1/jobs/{job_id}", params={"wait": 30}).json()["state"] != "succeeded":
            continue


def poll(rig: Rig, ids: list[str]) -> list[dict[str, Any]]:
    return list(rig.http.get("/v1/jobs", params={"ids": ",".join(ids)}).json()["jobs"])


def start_latencies_ms(rig: Rig, jobs: int = 15) -> list[int]:
    """From the record's making to its claim, by Redis' clock, on an idle worker."""
    found = []
    for seed in range(jobs):
        record = rig.finish(rig.generate(**JOB | {"steps": 1}, seed=seed)["id"])
        found.append(record["timings"]["queued_ms"])
    return found


def poll_ratio(rig: Rig) -> tuple[float, float]:
    """Milliseconds of one poll over HTTP, and of `/healthz`, a view that does nothing, on the same server."""
    job_id = rig.generate(**JOB, seed=1)["id"]
    rig.finish(job_id)
    return median_ms(rig.http, f"/v1/jobs/{job_id}"), median_ms(rig.http, "/healthz")


def median_ms(http: httpx.Client, path: str) -> float:
    spans = []
    for _ in range(POLLS):
        since = time.perf_counter()
        http.get(path)
        spans.append(1000 * (time.perf_counter() - since))
    return statistics.median(spans)


def measure() -> dict[str, Any]:
    """All numbers of one run."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder), **AS_SHIPPED) as rig:
        first = rig.finish(rig.generate(**JOB)["id"])
        latencies = start_latencies_ms(rig)
        one_poll_ms, empty_ms = poll_ratio(rig)
        thousand_ms = median_of(lambda: poll(rig, [rig.generate(**JOB | {"steps": 1})["id"]] * 1000), rounds=3)
    return {
        "cpu_threads_as_shipped": first["result"]["cpu_threads"],
        "measuring_and_loading_ms": first["timings"]["loading_ms"],
        "submit_to_start_ms_median": statistics.median(latencies),
        "submit_to_start_ms_max": max(latencies),
        "poll_ms_median": round(one_poll_ms, 2),
        "empty_route_ms_median": round(empty_ms, 2),
        "ratio_poll": round(one_poll_ms / empty_ms, 2),
        "thousand_ids_in_one_poll_ms": round(thousand_ms, 1),
    }


def median_of(work: Any, rounds: int) -> float:
    spans = []
    for _ in range(rounds):
        since = time.perf_counter()
        work()
        spans.append(1000 * (time.perf_counter() - since))
    return statistics.median(spans)


def main(out: Path) -> dict[str, Any]:
    numbers = measure()
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
