"""Eight pictures in one batch against one by one: pictures per second of a mid-size random Moondream, and the ratio.

Run: `python -m tests.bench.bench_moondream OUT.json`. Weights are random, so only time is measured; what is asked and
answered is the same in both ways, and compared.
"""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from workers.engines.moondream.config import SMALL_VOCAB_TOKENS, MoondreamConfig, RegionConfig, TextConfig, VisionConfig
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.requests import Answer, CaptionRequest, Sampling
from workers.engines.moondream.tokenizer import small_tokenizer

#: 48 M parameters, 197 positions a picture: weights that do not fit a CPU's caches, as the real ones do not.
MID_SIZE = MoondreamConfig(
    vision=VisionConfig(crop_px=196, patch_px=14, dim=256, ff_dim=1024, layers=6, heads=4, proj_dim=1024, max_crops=4),
    text=TextConfig(dim=512, ff_dim=2048, layers=10, heads=8, kv_heads=8, vocab=8192, max_context=512),
    region=RegionConfig(inner_dim=512),
    tokens=SMALL_VOCAB_TOKENS,
)
PICTURES = 8
TOKENS = 64  #: about a normal caption
ROUNDS = 3


def build() -> Moondream:
    network = Network(MID_SIZE).requires_grad_(False)
    initialise(network, seed=0)
    network.text.lm_head.bias[MID_SIZE.tokens.eos] = -1e4  # every answer has the same length
    return Moondream(network, small_tokenizer())


def caption(moondream: Moondream, pictures: list[Image.Image]) -> list[Answer]:
    sampling = Sampling(temperature=0.0, max_tokens=TOKENS)
    return moondream.answer([CaptionRequest(prefix, sampling=sampling) for prefix in moondream.encode(pictures)])


def timed(work: Callable[[], list[Answer]]) -> tuple[float, float, list[Answer]]:
    """Seconds on the wall and seconds of all cores, and the answers."""
    wall, cores = time.perf_counter(), time.process_time()
    answers = work()
    return time.perf_counter() - wall, time.process_time() - cores, answers


def measure() -> dict[str, Any]:
    """The numbers; `ratio` is how many times more pictures per second a batch of eight gives.

    Both ways take turns and the best round of each counts: a shared machine slows down for seconds at a time. The
    ratio of core seconds hardly moves with such noise.
    """
    moondream = build()
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, (150, 180, 3), dtype=np.uint8)) for _ in range(PICTURES)]
    caption(moondream, pictures[:1])  # allocators and kernels warm up
    batched, single = [], []
    for _ in range(ROUNDS):
        batched.append(timed(lambda: caption(moondream, pictures)))
        single.append(timed(lambda: [caption(moondream, [picture])[0] for picture in pictures]))
    batch_s, batch_core_s = (min(run[at] for run in batched) for at in (0, 1))
    single_s, single_core_s = (min(run[at] for run in single) for at in (0, 1))
    return {
        "pictures": PICTURES,
        "tokens_each": TOKENS,
        "parameters": sum(parameter.numel() for parameter in moondream.network.parameters()),
        "one_by_one_s": round(single_s, 3),
        "batch_s": round(batch_s, 3),
        "ratio": round(single_s / batch_s, 2),
        "core_seconds_ratio": round(single_core_s / batch_core_s, 2),
        "answers_equal": batched[0][2] == single[0][2],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "commit": subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main(out: Path) -> dict[str, Any]:
    numbers = measure()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
