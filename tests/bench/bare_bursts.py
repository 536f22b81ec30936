"""Plain diffusers, one picture after the other, a burst each time it is asked: the other side of `bench_steps`.

Run: `python -m tests.bench.bare_bursts MODEL_FOLDER`; reads a JSON list of jobs from each line, makes them, and answers with the
seconds that took. Its first line says that it is there. It is a process of its own, so that no setting of ours reaches it, and it
computes with the number of threads that was quickest when it was asked first.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.bare_loop import OURS


class BareBursts:
    """That process, from outside."""

    def __init__(self, model: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        command = [sys.executable, "-m", "tests.bench.bare_bursts", str(model)]
        self._process = subprocess.Popen(
            command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._answer()

    def seconds(self, jobs: list[dict[str, Any]]) -> float:
        """How long these take, one after the other."""
        assert self._process.stdin is not None
        print(json.dumps(jobs), file=self._process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def serve(model: Path) -> None:
    """In that process."""
    import torch
    from diffusers import StableDiffusionXLPipeline

    from workers.devices.cores import counts_up_to, usable_cores
    from workers.engines.sdxl import schedulers

    pipe = StableDiffusionXLPipeline.from_pretrained(model, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    config = pipe.scheduler.config

    def make(jobs: list[dict[str, Any]]) -> float:
        since = time.perf_counter()
        for job in jobs:
            name = job["scheduler"]
            pipe.scheduler = schedulers.build(name, config, steps=job["steps"], seeds=[job["seed"]])
            pipe(
                job["prompt"],
                num_inference_steps=job["steps"],
                guidance_scale=job["guidance_scale"],
                width=job["width"],
                height=job["height"],
                generator=torch.Generator().manual_seed(job["seed"]),
            )
        return time.perf_counter() - since

    def with_threads(count: int, jobs: list[dict[str, Any]]) -> float:
        torch.set_num_threads(count)
        return make(jobs)

    print("ready", flush=True)
    best = 0
    for line in sys.stdin:
        jobs = json.loads(line)
        if not best:
            make(jobs[:1])
            best = min(counts_up_to(usable_cores()), key=lambda count: with_threads(count, jobs[:2]))
            torch.set_num_threads(best)
        print(make(jobs), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
