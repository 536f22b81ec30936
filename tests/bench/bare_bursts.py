"""Plain diffusers, one picture after the other, a burst each time it is asked: the other side of `bench_steps`.

Run: `python -m tests.bench.bare_bursts MODEL_FOLDER`; see `bare_process`. A job names its prompt, size, steps,
guidance, sampler and seed.
"""

import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.bare_process import BareProcess, serve_bursts


class BareBursts(BareProcess):
    """That process, from outside."""

    def __init__(self, model: Path) -> None:
        super().__init__("tests.bench.bare_bursts", str(model))


def serve(model: Path) -> None:
    """In that process."""
    import torch
    from diffusers import StableDiffusionXLPipeline

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

    serve_bursts(make)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
