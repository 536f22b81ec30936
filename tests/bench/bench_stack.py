"""The whole stack against bare loops, in one run on one machine: pictures per second, start latency, polls, ids.

Run: `python -m tests.bench.bench_stack OUT.json`. All numbers are ratios or medians of this run; absolute ones only mean
something beside each other. The picture is the toy's at 128², 20 steps, one torch thread on both sides.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import torch

from tests.rig import Rig, running_stack

JOB = {"model": "sdxl-toy", "prompt": "a lamp", "width": 128, "height": 128, "steps": 20, "guidance_scale": 5.0}
PICTURES = 24
POLLS = 300


def bare_pictures_per_s(models: Path) -> float:
    """What a plain diffusers loop makes, one picture after the other."""
    from diffusers import StableDiffusionXLPipeline

    torch.set_num_threads(1)
    pipe = StableDiffusionXLPipeline.from_pretrained(models / "sdxl-toy", dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)

    def one(seed: int) -> None:
        pipe(
            JOB["prompt"],
            num_inference_steps=JOB["steps"],
            guidance_scale=JOB["guidance_scale"],
            width=JOB["width"],
            height=JOB["height"],
            generator=torch.Generator().manual_seed(seed),
        )

    one(0)
    since = time.perf_counter()
    for seed in range(PICTURES):
        one(seed)
    return PICTURES / (time.perf_counter() - since)


def queued_pictures_per_s(rig: Rig) -> float:
    """Jobs sent at once, so that they queue up and share batches."""
    since = time.perf_counter()
    ids = [rig.generate(**JOB, seed=seed)["id"] for seed in range(PICTURES)]
    wait_for_all(rig, ids)
    return PICTURES / (time.perf_counter() - since)


def unbatched_pictures_per_s(rig: Rig) -> float:
    """The same jobs, but guidance differs by a hair, so that no two may share a batch."""
    since = time.perf_counter()
    ids = [rig.generate(**JOB | {"guidance_scale": 5 + n / 1000}, seed=n)["id"] for n in range(PICTURES)]
    wait_for_all(rig, ids)
    return PICTURES / (time.perf_counter() - since)


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
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as rig:
        rig.finish(rig.generate(**JOB)["id"])
        latencies = start_latencies_ms(rig)
        one_poll_ms, empty_ms = poll_ratio(rig)
        thousand_ms = median_of(lambda: poll(rig, [rig.generate(**JOB | {"steps": 1})["id"]] * 1000), rounds=3)
        unbatched = unbatched_pictures_per_s(rig)
        queued = queued_pictures_per_s(rig)
        rig.stop("workers")
        bare = bare_pictures_per_s(rig.folder / "models")
    return {
        "pictures_per_s_bare_loop": round(bare, 3),
        "pictures_per_s_queued": round(queued, 3),
        "pictures_per_s_unbatched": round(unbatched, 3),
        "ratio_queued": round(queued / bare, 2),
        "ratio_unbatched": round(unbatched / bare, 2),
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
