"""Teach a compact network to enlarge cards: the truth is the same card drawn larger.

Fresh crops at every step; half of them from cards as `paint` makes them, half from the larger card reduced, for people
have both. Some are blurred a little, as pictures from the autoencoder are.
"""

import math
import random
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor, nn

from workers.starter.companions.compact import SRVGGNetCompact, enlarged
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.pictures import save_grid, to_picture, to_tensor
from workers.starter.world import SIDE_PX, Scene, scene_from_seed

FEATURES, LAYERS = 32, 6
CROP_PX, CROPS, CARDS_PER_STEP = 32, 16, 4
#: How often a crop is blurred before it is enlarged, and how much at most, px.
BLURRED, BLUR_PX = 0.25, 0.6
#: Squared errors below count as none: 57 dB.
LEAST_SQUARED = 2e-6
#: Held-out cards that a look measures.
LOOKED_AT = 12


class UpscaleTrainee:
    """The loss is the mean over cards of the logarithm of their squared error: what decibels are. (Over crops it polished flat
    skies, which a card's decibels hardly see.) With L1 it learnt to add
    nothing at all and kept to that (nine pixels in ten of a card are flat, there repetition is right, and L1 asks for the
    median); with squared errors hard edges were all that counted, and soft watercolours came out 2 dB below Lanczos."""

    def __init__(self, times: int, peak_rate: float = 1e-3) -> None:
        self._times = times
        self.network = SRVGGNetCompact(FEATURES, LAYERS, times)
        with torch.no_grad():
            for value in self.network.body[-1].parameters():
                value.mul_(0.1)  # begins near repetition
        self.modules: nn.Module = self.network
        self.schedule = Schedule(peak_rate, warmup_steps=50, flat_until=0.4, floor=0.01)
        self.ema_decay, self.weight_decay = 0.99, 0.0
        self.vocabulary: dict[str, int] = {}

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        pairs: list[tuple[Tensor, Tensor]] = []
        for k in range(CARDS_PER_STEP):
            small, large = pair_of(scene_from_seed(step * CARDS_PER_STEP + k), self._times, draw.random() < 0.5)
            if draw.random() < BLURRED:
                small = small.filter(ImageFilter.GaussianBlur(draw.uniform(0.2, BLUR_PX)))
            pairs += [self._crop(small, large, draw) for _ in range(CROPS // CARDS_PER_STEP)]
        given, true = (torch.stack(part) for part in zip(*pairs, strict=True))
        made = self.network(given)
        squared = (made - true).square().mean(dim=(1, 2, 3)).view(CARDS_PER_STEP, -1).mean(dim=1)
        return (squared + LEAST_SQUARED).log().mean(), {"mse": squared.mean().item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        marks, pictures = [], []
        for seed in range(LOOKED_AT):
            small, large = pair_of(scene_from_seed(seed, "held-out"), self._times, from_large=False)
            made = enlarge(cast(SRVGGNetCompact, averaged), small)
            marks.append((psnr_db(made, large), psnr_db(lanczos(small, self._times), large)))
            pictures += [lanczos(small, self._times), made, large]
        save_grid(pictures, folder / f"upscale-{step:06d}.png", 6)
        ours, plain = (sum(part) / len(marks) for part in zip(*marks, strict=True))
        return {"psnr_db": ours, "lanczos_db": plain}

    def _crop(self, small: Image.Image, large: Image.Image, draw: random.Random) -> tuple[Tensor, Tensor]:
        left, top = (draw.randrange(SIDE_PX - CROP_PX + 1) for _ in range(2))
        if draw.random() < 0.5:  # below the sky, where things are
            top = max(top, SIDE_PX // 3)
        crops = []
        for picture, times in ((small, 1), (large, self._times)):
            corner = (left * times, top * times, (left + CROP_PX) * times, (top + CROP_PX) * times)
            crops.append(to_tensor(picture.crop(corner)) / 2 + 0.5)
        return crops[0], crops[1]


def pair_of(scene: Scene, times: int, from_large: bool) -> tuple[Image.Image, Image.Image]:
    """A card and the same drawn larger; `from_large`: the card is that one reduced, pixel by pixel its mean."""
    large = paint(scene, times)
    return (large.reduce(times) if from_large else paint(scene)), large


def enlarge(network: SRVGGNetCompact, picture: Image.Image) -> Image.Image:
    made = enlarged(network, to_tensor(picture)[None] / 2 + 0.5)[0]
    return to_picture(made * 2 - 1)


def lanczos(picture: Image.Image, times: int) -> Image.Image:
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.LANCZOS)


def psnr_db(made: Image.Image, true: Image.Image) -> float:
    """Over all channels, in decibels; 99 for equal pictures."""
    error = F.mse_loss(to_tensor(made), to_tensor(true)).item()
    return 10 * math.log10(4 / error) if error else 99.0
