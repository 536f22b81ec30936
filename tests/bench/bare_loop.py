"""What plain diffusers makes of the bench's picture with each number of threads: the other side of `bench_stack`.

Run: `python -m tests.bench.bare_loop MODEL_FOLDER JOB_JSON PICTURES`; prints pictures per second by threads. It is a
process of its own, so that no setting of ours (waiting of idle threads, number of threads) reaches it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: A rate is the best of so many rounds; counts take turns, because a shared machine slows down for seconds at a time.
ROUNDS = 3
#: A count that makes its first picture so many times slower than the best did is not tried further in that round: two
#: threads that spin on a busy machine are a hundred times slower.
HOPELESS = 2.0
#: What a user who installed diffusers has not set.
OURS = ("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_")


def pictures_per_s(model: Path, job: dict[str, Any], pictures: int) -> dict[int, float]:
    """Measured in a fresh process: threads → pictures per second."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    command = [sys.executable, "-m", "tests.bench.bare_loop", str(model), json.dumps(job), str(pictures)]
    said = subprocess.run(command, env=clean, capture_output=True, text=True, check=True).stdout
    return {int(count): rate for count, rate in json.loads(said.splitlines()[-1]).items()}


def measure(model: Path, job: dict[str, Any], pictures: int) -> dict[int, float]:
    """In this process."""
    import torch
    from diffusers import StableDiffusionXLPipeline

    from workers.devices.cores import counts_up_to, usable_cores

    pipe = StableDiffusionXLPipeline.from_pretrained(model, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for count in counts_up_to(usable_cores()):
            torch.set_num_threads(count)
            rate = rate_of(pipe, job, 1)  # warms up
            if rate * HOPELESS > max(best.values(), default=0.0):
                rate = rate_of(pipe, job, pictures // ROUNDS)
            best[count] = max(best.get(count, 0.0), rate)
    return best


def rate_of(pipe: Any, job: dict[str, Any], pictures: int) -> float:
    since = time.perf_counter()
    for seed in range(pictures):
        one(pipe, job, seed)
    return pictures / (time.perf_counter() - since)


def one(pipe: Any, job: dict[str, Any], seed: int) -> None:
    import torch

    pipe(
        job["prompt"],
        num_inference_steps=job["steps"],
        guidance_scale=job["guidance_scale"],
        width=job["width"],
        height=job["height"],
        generator=torch.Generator().manual_seed(seed),
    )


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))))
