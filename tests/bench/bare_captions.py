"""A bare Moondream, one caption after the other, a burst each time it is asked: the other side of `bench_captions`.

Run: `python -m tests.bench.bare_captions MODEL_FOLDER`; see `bare_process`. A job names the file of a picture and how many tokens
its caption has: decoded, encoded and answered each time.
"""

import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.bare_process import BareProcess, serve_bursts


class BareCaptions(BareProcess):
    """That process, from outside."""

    def __init__(self, model: Path) -> None:
        super().__init__("tests.bench.bare_captions", str(model))


def serve(folder: Path) -> None:
    """In that process."""
    from PIL import Image

    from workers.engines.moondream.model import Moondream
    from workers.engines.moondream.requests import CaptionRequest, Sampling

    model = Moondream.load(folder)

    def make(jobs: list[dict[str, Any]]) -> float:
        since = time.perf_counter()
        for job in jobs:
            [prefix] = model.encode([Image.open(job["picture"]).convert("RGB")])
            sampling = Sampling(0.0, max_tokens=job["max_tokens"])
            [answer] = model.answer([CaptionRequest(prefix, sampling=sampling)])
            assert answer.completion_tokens == job["max_tokens"]
        return time.perf_counter() - since

    serve_bursts(make)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
