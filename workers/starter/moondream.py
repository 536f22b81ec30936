"""The starter vision model: the native Moondream at 2 M parameters, and how it is trained.

A postcard is always one crop of 80 px in 8 px patches (`max_crops=1`): 100 image tokens, and patches small enough that
the linear embedding loses nothing. Every step paints fresh postcards.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from workers.engines.moondream.config import (
    SMALL_VOCAB_TOKENS,
    MoondreamConfig,
    RegionConfig,
    TextConfig,
    VisionConfig,
)
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.training import Losses, TrainBatch, embed_targets, mean_loss, second_coords
from workers.engines.moondream.vision import cut, scale_pixels
from workers.starter.foreign import foreign_picture
from workers.starter.lessons import Lessons, Turn, foreign_turns, pack, starter_tokenizer, turns_of
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.patches import PatchReader, patch_truth
from workers.starter.pictures import scenes_of_step, worn
from workers.starter.world import Scene, Split

BATCH = 8
#: Words, coordinates and sizes differ in number; a box is learnt from few positions and weighs as much as a sentence.
WEIGHTS = {"words": 1.0, "coords": 0.25, "sizes": 0.15}
#: Of the patches' own lesson, see `patches`.
PATCH_WEIGHT = 0.25
#: How many training pictures are no postcards, and how many of the others are worn.
FOREIGN, WORN = 0.2, 0.3
#: Scenes for the held-out loss, in batches.
LOOK_BATCHES = 4
#: Seeds of training pictures start here, so that they are not those of the other stages.
FIRST_STEP = 1_000_000


def starter_config(vocabulary: int) -> MoondreamConfig:
    return MoondreamConfig(
        vision=VisionConfig(
            crop_px=80, patch_px=8, dim=128, ff_dim=384, layers=4, heads=4, proj_dim=256, max_crops=1, margin=2
        ),
        text=TextConfig(dim=128, ff_dim=384, layers=4, heads=4, kv_heads=4, vocab=vocabulary, max_context=512),
        region=RegionConfig(inner_dim=128, coord_features=32, coord_bins=128, size_features=32, size_bins=256),
        tokens=SMALL_VOCAB_TOKENS,
    )


class MoondreamTrainee:
    """Cross entropies of words, coordinates and sizes over packed turns.

    Args:
        photos: pictures that are no postcards, besides those that are drawn.
    """

    def __init__(self, peak_rate: float = 1.2e-3, photos: Sequence[Image.Image] = ()) -> None:
        self._photos = photos
        self.tokenizer = starter_tokenizer()
        self.vocabulary = self.tokenizer.get_vocab()
        self.network = Network(starter_config(self.tokenizer.get_vocab_size()))
        initialise(self.network, seed=0)
        self.patch_reader = PatchReader(self.network.config.text.dim)
        self.modules = nn.ModuleDict({"network": self.network, "patch_reader": self.patch_reader})
        self.schedule = Schedule(peak_rate, warmup_steps=200, flat_until=0.3)
        self.ema_decay, self.weight_decay = 0.998, 2e-2

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        parts, patches = self._losses_of(FIRST_STEP + step, "train")
        total = sum(weight * getattr(parts, name) for name, weight in WEIGHTS.items()) + PATCH_WEIGHT * patches
        numbers = {name: getattr(parts, name).item() for name in WEIGHTS}
        return total, {**numbers, "patches": patches.item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        parts = [self._losses_of(number, "held-out")[0] for number in range(LOOK_BATCHES)]
        return {f"held_out_{name}": sum(getattr(part, name).item() for part in parts) / len(parts) for name in WEIGHTS}

    def _losses_of(self, step: int, split: Split) -> tuple[Losses, Tensor]:
        draw = random.Random(step)
        samples = [self._sample(scene, draw, split) for scene in scenes_of_step(step, BATCH, split)]
        lessons = self._packed([(picture, turns) for _, picture, turns in samples])
        picture = self.network.vision.tokens_of_one_crop(lessons.batch.pixels)
        truth = patch_truth([scene for scene, _, _ in samples], self.network.config.vision.grid)
        return packed_losses(self.network, lessons, picture), self.patch_reader.loss(picture, truth)

    def _sample(self, scene: Scene, draw: random.Random, split: Split) -> tuple[Scene, Image.Image, list[Turn]]:
        """A card with its turns, in training at times a worn one, or a picture that is none, on which nothing is."""
        tokens = self.network.config.tokens
        if split == "train" and draw.random() < FOREIGN:
            turns = foreign_turns(draw, tokens, self.tokenizer)
            return replace(scene, things=()), foreign_picture(draw, self._photos), turns
        picture, turns = paint(scene), turns_of(scene, draw, tokens, self.tokenizer)
        return scene, worn(picture, draw) if split == "train" and draw.random() < WORN else picture, turns

    def lessons(self, scenes: list[Scene], draw: random.Random) -> Lessons:
        """Cards and their turns."""
        tokens = self.network.config.tokens
        return self._packed([(paint(scene), turns_of(scene, draw, tokens, self.tokenizer)) for scene in scenes])

    def _packed(self, samples: Sequence[tuple[Image.Image, list[Turn]]]) -> Lessons:
        """Pictures as the model's own `cut` would show them, and their turns."""
        config = self.network.config
        crops = torch.stack([cut(picture, config.vision).pixels[0] for picture, _ in samples])
        pixels = scale_pixels(crops.to(torch.get_default_device()), torch.float32)
        return pack(pixels, [turns for _, turns in samples], config.tokens)


def packed_losses(network: Network, lessons: Lessons, picture: Tensor) -> Losses:
    """`workers.engines.moondream.training.losses` for rows of several turns: what is fed at t predicts what stands at t + 1.

    Args:
        picture: (B, P, D), the image tokens.
    """
    batch, tokens, region = lessons.batch, network.config.tokens, network.region
    hidden = _hidden(network, lessons, picture)[:, :-1]
    aim = replace(
        batch, ids=batch.ids[:, 1:], coords=batch.coords[:, 1:], sizes=batch.sizes[:, 1:], counted=batch.counted[:, 1:]
    )
    is_coord, is_size = aim.counted & (aim.ids == tokens.coord), aim.counted & (aim.ids == tokens.size)
    is_word = aim.counted & ~is_size & ~second_coords(aim.ids == tokens.coord)
    return Losses(
        words=mean_loss(network.text.logits(hidden[is_word]), aim.ids[is_word]),
        coords=mean_loss(region.coord_logits(hidden[is_coord]), region.coord_bin(aim.coords[is_coord])),
        sizes=mean_loss(region.size_logits(hidden[is_size]), region.size_bin(aim.sizes[is_size])),
    )


def _hidden(network: Network, lessons: Lessons, picture: Tensor) -> Tensor:
    """(B, T, D): every position sees BOS, the picture and its own turn up to itself."""
    batch: TrainBatch = lessons.batch
    bos = network.text.embed(torch.full_like(batch.ids[:, :1], network.config.tokens.bos))
    x = torch.cat([bos, picture, embed_targets(network, batch)], dim=1)
    prefix = 1 + picture.shape[1]
    at_prefix = torch.arange(prefix).expand(len(x), -1)
    positions = torch.cat([at_prefix, prefix + lessons.offset], dim=1)
    return network.text(x, positions, packed_mask(lessons.turn, prefix))[:, prefix:]


def packed_mask(turn: Tensor, prefix: int) -> Tensor:
    """(B, 1, L, L): the prefix sees itself, a turn sees the prefix and its own past."""
    many, length = turn.shape
    mine = turn[:, :, None] == turn[:, None, :]
    past = torch.ones(length, length, dtype=torch.bool).tril()
    mask = torch.zeros(many, prefix + length, prefix + length, dtype=torch.bool)
    mask[:, :, :prefix] = True
    mask[:, prefix:, prefix:] = mine & past
    return mask[:, None]
