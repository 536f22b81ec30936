"""Teach a tiny decoder what the painter's latents look like, for previews; its encoder learns the way back.

diffusers' AutoencoderTiny takes latents as the UNet has them (unit variance), hence a scaling factor of 1.
"""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from PIL import Image
from torch import Tensor, nn

from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.pictures import save_grid, to_picture, to_tensor
from workers.starter.usual import scene_to_ask
from workers.starter.world import SIDE_PX

CHANNELS = 32
CARDS, HELD_OUT = 1_200, 32
#: Cells of latents in a crop, 8 px each; crops a step.
CROP, CROPS = 8, 12
#: Latents are met on the way to being clean: noise up to this share of their spread.
NOISE = 0.25


def new_decoder() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(CHANNELS,) * 4,
        decoder_block_out_channels=(CHANNELS,) * 4,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(2, 2, 1, 1),
        scaling_factor=1.0,
    ).to(memory_format=torch.channels_last)


class DecoderTrainee:
    """Pictures from latents, with L1 and squared error; latents from pictures, with squared error."""

    def __init__(self, cache: LatentCache, peak_rate: float = 2e-3) -> None:
        self._cache = cache
        self.tiny = new_decoder()
        self.modules: nn.Module = self.tiny
        self.schedule = Schedule(peak_rate, warmup_steps=50, flat_until=0.4)
        self.ema_decay, self.weight_decay = 0.99, 0.0
        self.vocabulary: dict[str, int] = {}

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        pairs = [self._crop(draw.randrange(HELD_OUT, len(self._cache.mean)), draw) for _ in range(CROPS)]
        latents, pictures = (torch.stack(part) for part in zip(*pairs, strict=True))
        noisy = latents + NOISE * torch.rand(CROPS, 1, 1, 1) * torch.randn_like(latents)
        again = self.tiny.decode(noisy).sample
        encoded = F.mse_loss(self.tiny.encode(pictures).latents, latents)
        total = F.l1_loss(again, pictures) + 2 * F.mse_loss(again, pictures) + 0.1 * encoded
        return total, {"mse": F.mse_loss(again, pictures).item(), "encoded": encoded.item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        tiny = cast(AutoencoderTiny, averaged)
        true = torch.stack([to_tensor(paint(scene_to_ask(seed))) for seed in range(HELD_OUT)])
        again = tiny.decode(self._cache.mean[:HELD_OUT].float()).sample.clamp(-1, 1)
        back = tiny.encode(true).latents
        pairs = [to_picture(picture) for pair in zip(true[:16], again[:16], strict=True) for picture in pair]
        save_grid(pairs, folder / f"decoder-{step:06d}.png")
        return {
            "psnr_db": 10 * math.log10(4 / F.mse_loss(again, true).item()),
            "encoded": F.mse_loss(back, self._cache.mean[:HELD_OUT].float()).item(),
        }

    def _crop(self, seed: int, draw: random.Random) -> tuple[Tensor, Tensor]:
        left, top = (draw.randrange(SIDE_PX // 8 - CROP + 1) for _ in range(2))
        if draw.random() < 0.5:
            top = max(top, 4)
        picture = paint(scene_to_ask(seed)).crop((8 * left, 8 * top, 8 * (left + CROP), 8 * (top + CROP)))
        return self._cache.mean[seed, :, top : top + CROP, left : left + CROP].float(), to_tensor(picture)


def cards() -> Iterator[Image.Image]:
    return (paint(scene_to_ask(seed)) for seed in range(CARDS))
