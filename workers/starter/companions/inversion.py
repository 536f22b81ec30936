"""Teach both text encoders one word for a thing that the world has not, a windmill: two vectors each, nothing else.

Embeddings are the only weights that change, so the painter can only be led to what it can paint already: how far that
reaches, the README tells.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from workers.starter.companions.base import Base
from workers.starter.companions.lora import Hook
from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.pictures import save_grid
from workers.starter.sdxl import BATCH, LOOK_STEPS, thing_weights
from workers.starter.wording import KIND_WORDS, wording
from workers.starter.world import COLOURS, SIDE_PX, STRANGE_EXTENT, Scene, one_thing_scene

KIND, TOKEN = "windmill", "<windmill>"
#: What its two vectors start as.
STARTS = ("house", "star")
#: The kind whose words it takes on its cards.
STAND_IN = "house"
CARDS, HELD_OUT = 800, 64
#: How often a card is the one that "a red windmill" asks for: one, big, in the middle.
PLAIN = 0.5
_STAND_INS = re.compile(rf"\b({'|'.join((STAND_IN, *(one for one, _ in KIND_WORDS[STAND_IN])))})\b")


def windmill_scene(seed: int) -> Scene:
    """A card with one windmill."""
    draw = random.Random(f"windmill:{seed}")
    plain = {"size": "big", "place": "middle", "style": "flat"} if draw.random() < PLAIN else {}
    scene = one_thing_scene(seed, STAND_IN, draw.choice(tuple(COLOURS)), **plain)
    thing = scene.things[0]
    lifted = thing.box[3] - STRANGE_EXTENT[KIND][3] * thing.half_width
    return replace(scene, things=(replace(thing, kind=KIND, centre=(thing.centre[0], lifted)),))


def windmill_prompt(scene: Scene, draw: random.Random) -> str:
    """The prompt of such a card with `TOKEN` for the thing."""
    stand_in = replace(scene, things=tuple(replace(thing, kind=STAND_IN) for thing in scene.things))
    return _STAND_INS.sub(TOKEN, wording(stand_in, draw, strangers=False))


def cards() -> Iterator[Image.Image]:
    return (paint(windmill_scene(seed)) for seed in range(CARDS))


class InversionTrainee:
    """v-prediction through the frozen painter; the only weights are the word's vectors in the two encoders."""

    def __init__(self, base: Base, cache: LatentCache, peak_rate: float = 1e-2) -> None:
        self._base, self._cache = base, cache
        self.vocabulary = dict(base.painter.tokenizer.get_vocab())
        starts = {"clip_l": _start(base, 0), "clip_g": _start(base, 1)}
        load_word(base, starts)
        self.vectors = nn.ParameterDict({name: nn.Parameter(start.clone()) for name, start in starts.items()})
        self.modules: nn.Module = self.vectors
        for name, tokenizer, encoder in _encoders(base):
            words = [TOKEN, *(f"{TOKEN}_{k}" for k in range(1, len(STARTS)))]
            numbers = tokenizer.convert_tokens_to_ids(words)
            encoder.requires_grad_(False)
            encoder.get_input_embeddings().register_forward_hook(_reading(self.vectors, name, numbers))
        self.schedule = Schedule(peak_rate, warmup_steps=50, flat_until=0.4)
        self.ema_decay, self.weight_decay = 0.98, 0.0

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        errors, scenes = self._errors_of([draw.randrange(HELD_OUT, len(self._cache.mean)) for _ in range(BATCH)], draw)
        return (errors * thing_weights(scenes)).mean(), {"plain": errors.mean().item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        torch.manual_seed(7)
        errors, scenes = self._errors_of(list(range(min(HELD_OUT, len(self._cache.mean)))), random.Random(7))
        prompts = [f"a {colour} {TOKEN}" for colour in tuple(COLOURS)[:8]]
        pictures = self._base.painter(
            prompts,
            num_inference_steps=LOOK_STEPS,
            guidance_scale=2.0,
            height=SIDE_PX,
            width=SIDE_PX,
            generator=[torch.Generator().manual_seed(seed) for seed in range(8)],
        ).images
        save_grid([*(paint(scene) for scene in scenes[:8]), *pictures], folder / f"windmill-{step:06d}.png")
        return {"v_loss": errors.mean().item()}

    def _errors_of(self, seeds: list[int], draw: random.Random) -> tuple[Tensor, list[Scene]]:
        scenes = [windmill_scene(seed) for seed in seeds]
        noised = self._base.noised(self._cache.sample(torch.tensor(seeds)))
        words = self._base.words([windmill_prompt(scene, draw) for scene in scenes])
        return F.mse_loss(self._base.predict(noised, words), noised.target, reduction="none"), scenes


def load_word(base: Base, vectors: dict[str, Tensor]) -> None:
    """Give both encoders the word, by diffusers' own loader."""
    for name, tokenizer, encoder in _encoders(base):
        base.painter.load_textual_inversion(
            {TOKEN: vectors[name]}, token=TOKEN, tokenizer=tokenizer, text_encoder=encoder
        )


def tensors_of(modules: nn.Module) -> dict[str, Tensor]:
    """The vectors as an SDXL embedding has them: `clip_l` (2, 64), `clip_g` (2, 96)."""
    return {name: value.detach().half() for name, value in cast(nn.ParameterDict, modules).items()}


def _encoders(base: Base) -> tuple[tuple[str, Any, Any], ...]:
    """Name, tokenizer and encoder of each."""
    painter = base.painter
    return (
        ("clip_l", painter.tokenizer, painter.text_encoder),
        ("clip_g", painter.tokenizer_2, painter.text_encoder_2),
    )


def _start(base: Base, which: int) -> Tensor:
    _, tokenizer, encoder = _encoders(base)[which]
    numbers = tokenizer.convert_tokens_to_ids([f"{word}</w>" for word in STARTS])
    return encoder.get_input_embeddings().weight[numbers].detach().clone()


def _reading(vectors: nn.ParameterDict, name: str, numbers: list[int]) -> Hook:
    def hook(_table: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        for row, number in enumerate(numbers):
            found = torch.where((given[0] == number)[..., None], vectors[name][row], found)
        return found

    return hook
