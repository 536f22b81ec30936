"""An engine that sleeps instead of computing, returns photo-like pictures of 1024², and writes down when it was at work.

`pace=MS` in a prompt is what a step takes; `rowwise=1`: for each picture in the pass, so that company gains nothing. Each span
of work is a JSON line in the file that `BENCH_TIMELINE` names: begin and end (s since 1970), and the prompts that were in it.
"""

import json
import os
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from shared.models.catalogue import ModelCard
from tests.bench.bench_png import photograph
from tests.faults.engine import FaultEngine, FaultSample
from workers.engines.base import EngineKind, LoadPlan, Watch


class SleepingEngine(FaultEngine):
    """See `FaultEngine`."""

    def step(self, samples: Sequence[FaultSample]) -> None:
        began_s = time.time()
        pace_s = max(sample.order["pace"] for sample in samples) / 1000
        time.sleep(pace_s * (len(samples) if any("rowwise" in sample.order for sample in samples) else 1))
        for sample in samples:
            sample.step += 1
        _write(began_s, samples)

    def finish(self, samples: Sequence[FaultSample], watch: Watch) -> list[Image.Image]:
        began_s = time.time()
        pictures = [_picture().copy() for _ in samples]
        _write(began_s, samples)
        return pictures


@cache
def _picture() -> Image.Image:
    return photograph(np.random.default_rng(1))


def _write(began_s: float, samples: Sequence[FaultSample]) -> None:
    line = {"began_s": began_s, "ended_s": time.time(), "prompts": [sample.work.params.prompt for sample in samples]}
    print(json.dumps(line | {"steps": [sample.step for sample in samples]}), file=_timeline())


@cache
def _timeline() -> IO[str]:
    """Stays open: between two passes only the run's own time is to count."""
    return Path(os.environ["BENCH_TIMELINE"]).open("a", buffering=1)


def load(card: ModelCard, path: Path, plan: LoadPlan) -> SleepingEngine:
    _picture()
    return SleepingEngine(card)


KIND = EngineKind(load=load, makes_steps=True)
