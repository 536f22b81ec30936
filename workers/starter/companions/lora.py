"""Teach the painter a style by small additions to its layers (LoRA), linear and convolution alike.

The painter stays as it is; each addition is two thin matrices beside a layer, hooked on while training. What they are
called in the trained modules is what they are called in the file (`kohya.py`).
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.starter.companions.base import Base
from workers.starter.companions.kohya import kohya_name
from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.pictures import save_grid
from workers.starter.sdxl import BATCH, LOOK_STEPS
from workers.starter.usual import scene_to_ask
from workers.starter.wording import wording
from workers.starter.world import SIDE_PX

#: Width of each addition; 8 gives a file of 1 MB.
RANK = 8
#: Layers that are left alone: the ends, and what reads time and sizes.
LEFT_ALONE = ("conv_in", "conv_out", "time_embedding", "add_embedding", "time_emb_proj")
#: Cards in the style; the first of them are kept for the held-out loss.
CARDS, HELD_OUT = 3_000, 64
ZEROED = 0.08

_Pair = tuple[int, int]
_Sizes = tuple[_Pair, _Pair, _Pair]
#: What torch calls after a layer: the layer, what it was given, what it made; what comes back replaces what it made.
Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]


class Addition(nn.Module):
    """`lora_up` of `lora_down` of a layer's input; nothing at the start."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, rank: int = RANK) -> None:
        super().__init__()
        self.lora_down: nn.Module
        self.lora_up: nn.Module
        if isinstance(layer, nn.Linear):
            self.lora_down = nn.Linear(layer.in_features, rank, bias=False)
            self.lora_up = nn.Linear(rank, layer.out_features, bias=False)
        else:
            sizes = cast(_Sizes, (layer.kernel_size, layer.stride, layer.padding))
            self.lora_down = nn.Conv2d(layer.in_channels, rank, *sizes, bias=False)
            self.lora_up = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, given: Tensor) -> Tensor:
        return self.lora_up(self.lora_down(given))


def add_to(unet: nn.Module, layers_per_block: int) -> nn.ModuleDict:
    """Hook an addition on every layer but `LEFT_ALONE`; by kohya's names."""
    additions = nn.ModuleDict()
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and not any(part in name for part in LEFT_ALONE):
            addition = Addition(layer)
            layer.register_forward_hook(_adding(addition))
            additions[kohya_name(name, layers_per_block)] = addition
    return additions


def _adding(addition: Addition) -> Hook:
    def hook(_layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        return made + addition(given[0])

    return hook


class StyleTrainee:
    """v-prediction on cards in the style, with the prompts of the cards they were made from."""

    def __init__(self, base: Base, cache: LatentCache, peak_rate: float = 2e-3) -> None:
        self._base, self._cache = base, cache
        self.additions = add_to(base.unet, base.unet.config.layers_per_block)
        self.modules: nn.Module = self.additions
        self.schedule = Schedule(peak_rate, warmup_steps=50, flat_until=0.3)
        self.ema_decay, self.weight_decay = 0.99, 1e-3
        self.vocabulary = base.painter.tokenizer.get_vocab()

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        found = self._error_of([draw.randrange(HELD_OUT, len(self._cache.mean)) for _ in range(BATCH)], draw)
        return found, {}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        torch.manual_seed(7)
        seeds = list(range(min(HELD_OUT, len(self._cache.mean))))
        loss = self._error_of(seeds, random.Random(7), zeroed=0.0)
        prompts = [wording(scene_to_ask(seed, "held-out", 1), random.Random(seed)) for seed in range(8)]
        pictures = self._base.painter(
            prompts,
            num_inference_steps=LOOK_STEPS,
            guidance_scale=2.0,
            height=SIDE_PX,
            width=SIDE_PX,
            generator=[torch.Generator().manual_seed(seed) for seed in range(8)],
        ).images
        save_grid(pictures, folder / f"style-{step:06d}.png")
        return {"v_loss": loss.item()}

    def _error_of(self, seeds: list[int], draw: random.Random, zeroed: float = ZEROED) -> Tensor:
        noised = self._base.noised(self._cache.sample(torch.tensor(seeds)))
        words = self._base.words([wording(scene_to_ask(seed), draw) for seed in seeds])
        words = words.kept((torch.rand(len(seeds)) >= zeroed).float())
        return F.mse_loss(self._base.predict(noised, words), noised.target)


def tensors_of(modules: nn.Module) -> dict[str, Tensor]:
    """The additions by the names that they have in a file."""
    return dict(cast(nn.ModuleDict, modules).state_dict())
