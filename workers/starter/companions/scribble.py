"""Teach a ControlNet to put things where a person has drawn them: SDXL's architecture, shrunk like the painter.

It starts as a copy of the painter's first half whose contributions are zero. Prompts name things, colours and scenery and
know nothing of the drawing: where they name a place or a size it is the usual one, and the drawing wins. One prompt in
six names no thing at all.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline
from PIL import Image
from torch import Tensor, nn

from workers.starter.companions.base import Base
from workers.starter.companions.scribbles import as_asked, scene_to_draw, scribble
from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.pictures import save_grid, to_tensor
from workers.starter.sdxl import BATCH, LOOK_STEPS, thing_weights
from workers.starter.wording import wording
from workers.starter.world import SIDE_PX, Scene

#: Channels of the layers that read the drawing; the first three halve it to the size of latents.
READING = (16, 32, 64, 96)
CARDS, HELD_OUT = 3_000, 64
#: Shares of prompts that are zeros, and that name the scenery only.
ZEROED, THINGLESS = 0.08, 0.16


def new_controlnet(base: Base) -> ControlNetModel:
    return ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=READING).requires_grad_(True)


class ScribbleTrainee:
    """v-prediction through the frozen painter, with what the ControlNet adds to it."""

    def __init__(self, base: Base, cache: LatentCache, peak_rate: float = 6e-4) -> None:
        self._base, self._cache = base, cache
        self.controlnet = new_controlnet(base).to(memory_format=torch.channels_last)
        self.modules: nn.Module = self.controlnet
        self.schedule = Schedule(peak_rate, warmup_steps=100, flat_until=0.5)
        self.ema_decay, self.weight_decay = 0.995, 1e-2
        self.vocabulary = base.painter.tokenizer.get_vocab()

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        seeds = [draw.randrange(HELD_OUT, len(self._cache.mean)) for _ in range(BATCH)]
        errors = self._errors_of(self.controlnet, seeds, draw, ZEROED)
        weights = thing_weights([scene_to_draw(seed) for seed in seeds])
        return (errors * weights).mean(), {"plain": errors.mean().item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        controlnet = cast(ControlNetModel, averaged)
        torch.manual_seed(7)
        errors = self._errors_of(controlnet, list(range(HELD_OUT)), random.Random(7), 0.0)
        scenes = [scene_to_draw(seed, "held-out", 1 + seed % 2) for seed in range(12)]
        drawings = [scribble(scene, random.Random(scene.seed)) for scene in scenes]
        pictures = painted_from(pipeline(self._base, controlnet), scenes, drawings)
        save_grid([part for pair in zip(drawings, pictures, strict=True) for part in pair], folder / f"{step:06d}.png")
        return {"v_loss": errors.mean().item()}

    def _errors_of(self, controlnet: ControlNetModel, seeds: list[int], draw: random.Random, zeroed: float) -> Tensor:
        scenes = [scene_to_draw(seed) for seed in seeds]
        noised = self._base.noised(self._cache.sample(torch.tensor(seeds)))
        words = self._base.words([prompt_of(scene, draw) for scene in scenes])
        words = words.kept((torch.rand(len(seeds)) >= zeroed).float())
        drawings = torch.stack([to_tensor(scribble(scene, draw)) for scene in scenes]) / 2 + 0.5
        down, middle = controlnet(
            noised.noisy,
            noised.times,
            words.hidden,
            drawings,
            added_cond_kwargs=self._base.added_to_time(words),
            return_dict=False,
        )
        found = self._base.predict(
            noised, words, down_block_additional_residuals=down, mid_block_additional_residual=middle
        )
        return F.mse_loss(found, noised.target, reduction="none")


def prompt_of(scene: Scene, draw: random.Random) -> str:
    """The things as they usually stand, or the scenery alone."""
    asked = as_asked(scene)
    if draw.random() < THINGLESS:
        asked = Scene(asked.seed, asked.sky, asked.ground, asked.style, ())
    return wording(asked, draw, strangers=False)


def pipeline(base: Base, controlnet: ControlNetModel) -> StableDiffusionXLControlNetPipeline:
    """diffusers' own class over the painter's parts."""
    parts = base.painter.components
    pipe = StableDiffusionXLControlNetPipeline(**parts, controlnet=controlnet, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def painted_from(
    pipe: StableDiffusionXLControlNetPipeline, scenes: list[Scene], drawings: list[Image.Image], strength: float = 1.0
) -> list[Image.Image]:
    """A picture for each drawing, with a prompt that knows nothing of it but the things; the seed is the scene's."""
    prompts = [wording(as_asked(scene), random.Random(scene.seed), strangers=False) for scene in scenes]
    pictures: list[Image.Image] = []
    for start in range(0, len(scenes), 8):
        part = slice(start, start + 8)
        pictures += pipe(
            prompts[part],
            image=drawings[part],
            controlnet_conditioning_scale=strength,
            num_inference_steps=LOOK_STEPS,
            guidance_scale=2.0,
            height=SIDE_PX,
            width=SIDE_PX,
            generator=[torch.Generator().manual_seed(scene.seed) for scene in scenes[part]],
        ).images
    return pictures


def cards() -> Iterator[Image.Image]:
    """What the ControlNet is trained on."""
    return (paint(scene_to_draw(seed)) for seed in range(CARDS))
