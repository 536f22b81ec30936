"""What a pass of the toy's UNet takes by itself, on one thread: traced or not, and by how many pictures share it.

Part of `bench_steps`: the first says what tracing gains, the second what more seats would (`DARKROOM_MAX_BATCH`).
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tests.bench.rows import in_turns
from workers.engines.sdxl import files, toy
from workers.engines.torch_tools.traced import Traced

#: Passes a measurement.
PASSES = 20
#: Of the latents of the bench's pictures.
SIDE = 16
#: Of a picture with guidance.
ROWS = 2


def traced_gains(pictures: int, pairs: int) -> Iterator[float]:
    """How many times quicker a traced pass of so many pictures is than the network's own."""
    unet = _unet()
    traced = Traced(unet, after=0)
    yield from _in_turns(pairs, lambda: _seconds(unet, pictures), lambda: _seconds(traced, pictures))


def sharing_gains(few: int, many: int, pairs: int) -> Iterator[float]:
    """How many times cheaper a picture is in a traced pass of many than in one of few."""
    traced = Traced(_unet(), after=0)
    yield from _in_turns(pairs, lambda: _seconds(traced, few) / few, lambda: _seconds(traced, many) / many)


def _in_turns(pairs: int, slow: Callable[[], float], quick: Callable[[], float]) -> Iterator[float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        slow(), quick()  # whatever is written down or allocated at first
        yield from in_turns(pairs, lambda: None, lambda _: slow(), lambda _: quick())
    finally:
        torch.set_num_threads(threads)


def _unet() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        toy.build(Path(folder) / "toy")
        return files.read(Path(folder) / "toy", {"default": torch.float32}).unet


@torch.no_grad()
def _seconds(ask: Any, pictures: int) -> float:
    asked = _inputs(ROWS * pictures)
    since_s = time.perf_counter()
    for _ in range(PASSES):
        ask(**asked)
    return time.perf_counter() - since_s


def _inputs(rows: int) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(0)
    return {
        "sample": torch.randn(rows, 4, SIDE, SIDE, generator=draw),
        "timestep": torch.full((rows,), 500.0),
        "encoder_hidden_states": torch.randn(rows, toy.MAX_TOKENS, sum(toy.TEXT_WIDTHS), generator=draw),
        "added_cond_kwargs": {
            "text_embeds": torch.randn(rows, toy.TEXT_WIDTHS[1], generator=draw),
            "time_ids": torch.ones(rows, 6),
        },
        "return_dict": False,
    }
