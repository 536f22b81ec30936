"""How many times quicker a traced pass of the toy is than the network's own, on one thread: part of `bench_steps`."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.bench.rows import in_turns
from workers.engines.sdxl import files, toy
from workers.engines.torch_tools.traced import Traced

#: Passes a measurement.
PASSES = 20
#: Of the latents of the bench's pictures.
SIDE = 16


def ratios(rows: int, pairs: int) -> Iterator[float]:
    """One a pair.

    Args:
        rows: of a pass: two a picture with guidance.
    """
    with tempfile.TemporaryDirectory() as folder:
        toy.build(Path(folder) / "toy")
        unet = files.read(Path(folder) / "toy", {"default": torch.float32}).unet
    asked, traced = _inputs(unet, rows), Traced(unet, after=0)
    traced(**asked)  # writes its graph down

    def seconds(ask: object) -> float:
        since_s = time.perf_counter()
        with torch.no_grad():
            for _ in range(PASSES):
                ask(**asked)  # type: ignore[operator]
        return time.perf_counter() - since_s

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from in_turns(pairs, lambda: None, lambda _: seconds(unet), lambda _: seconds(traced))
    finally:
        torch.set_num_threads(threads)


def _inputs(unet: torch.nn.Module, rows: int) -> dict[str, object]:
    config, draw = unet.config, torch.Generator().manual_seed(0)
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return {
        "sample": torch.randn(rows, config.in_channels, SIDE, SIDE, generator=draw),
        "timestep": torch.full((rows,), 500.0),
        "encoder_hidden_states": torch.randn(rows, toy.MAX_TOKENS, config.cross_attention_dim, generator=draw),
        "added_cond_kwargs": {
            "text_embeds": torch.randn(rows, pooled, generator=draw),
            "time_ids": torch.ones(rows, 6),
        },
        "return_dict": False,
    }
