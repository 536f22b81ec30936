"""The image encoder of the IP-Adapter, in CLIP's vision layout: taught to know what stands on a card, and in which colour.

There are no words to align it with; it learns to tell kind, colour and scenery of cards with one thing from its single
vector, and, for where to look, what lies under each patch (`patches.py`). What tells is thrown away, the vector stays.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from workers.starter.companions.scribbles import scene_to_draw
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.patches import PatchReader, patch_truth
from workers.starter.pictures import to_tensor
from workers.starter.world import COLOURS, GROUNDS, KINDS, SIDE_PX, SKIES, Scene, Split

WIDTH, LAYERS, PATCH_PX = 96, 4, 16
BATCH = 24
#: CLIP's, which its image processor subtracts and divides by.
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
#: What is told of a card, each by one linear layer.
TOLD: dict[str, Sequence[str]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "ground": GROUNDS,
    "sky": SKIES,
}


def new_eye() -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=4,
            image_size=SIDE_PX,
            patch_size=PATCH_PX,
            hidden_act="gelu",
        )
    )


def seen(pictures: Sequence[Image.Image]) -> Tensor:
    """(B, 3, 128, 128), as CLIP's processor hands them over."""
    levels = torch.stack([to_tensor(picture) for picture in pictures]) / 2 + 0.5
    return (levels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def reference_scene(seed: int, split: Split = "train") -> Scene:
    """A card with one thing, anywhere."""
    return scene_to_draw(seed, split, count=1)


class EyeTrainee:
    """Cross entropies of everything told, on fresh cards."""

    def __init__(self, peak_rate: float = 2e-3) -> None:
        self.modules = nn.ModuleDict(
            {
                "eye": new_eye(),
                "tell": nn.ModuleDict({name: nn.Linear(WIDTH, len(values)) for name, values in TOLD.items()}),
                "patches": PatchReader(WIDTH),
            }
        )
        self.schedule = Schedule(peak_rate, warmup_steps=100, flat_until=0.3)
        self.ema_decay, self.weight_decay = 0.995, 1e-2
        self.vocabulary: dict[str, int] = {}

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        scenes = [reference_scene(step * BATCH + k) for k in range(BATCH)]
        made = self.modules["eye"](seen([paint(scene) for scene in scenes]), output_hidden_states=True)
        told = self._told(self.modules, made.image_embeds)
        losses = {name: F.cross_entropy(told[name], _classes(scenes, name)) for name in TOLD}
        patches = cast(PatchReader, self.modules["patches"]).loss(
            made.last_hidden_state[:, 1:], patch_truth(scenes, SIDE_PX // PATCH_PX)
        )
        total = sum(losses.values(), start=patches)
        return total, {name: loss.item() for name, loss in losses.items()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        modules = cast(nn.ModuleDict, averaged)
        scenes = [reference_scene(seed, "held-out") for seed in range(96)]
        told = self._told(modules, modules["eye"](seen([paint(scene) for scene in scenes])).image_embeds)
        right = {name: (told[name].argmax(-1) == _classes(scenes, name)).float().mean().item() for name in TOLD}
        return {f"{name}_right": share for name, share in right.items()}

    def _told(self, modules: nn.ModuleDict, vectors: Tensor) -> dict[str, Tensor]:
        return {name: layer(vectors) for name, layer in cast(nn.ModuleDict, modules["tell"]).items()}


def _classes(scenes: Sequence[Scene], name: str) -> Tensor:
    values = [
        getattr(scene.things[0], name) if name in ("kind", "colour") else getattr(scene, name) for scene in scenes
    ]
    return torch.tensor([TOLD[name].index(value) for value in values])
