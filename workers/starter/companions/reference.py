"""Teach an IP-Adapter to carry colour and thing of a reference card over to a new one; SDXL's published layout.

Four image tokens stand beside the words in every cross attention. The card to paint shows the reference's thing in its
colour, but as a prompt asks that knows the scenery only: so thing and colour can come from nowhere but the reference.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from workers.starter.companions.base import Base, Words
from workers.starter.companions.eye import WIDTH, reference_scene, seen
from workers.starter.companions.scribbles import as_asked
from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.paint import paint
from workers.starter.pictures import save_grid
from workers.starter.sdxl import BATCH, LOOK_STEPS, thing_weights
from workers.starter.usual import scene_to_ask
from workers.starter.wording import wording
from workers.starter.world import SIDE_PX, Scene, Split

#: Tokens that a reference becomes: the published number, by which loaders know the kind of adapter.
TOKENS = 4
CARDS, HELD_OUT = 1_600, 64
#: Shares of prompts that are zeros, and of references that are zeros (the pipeline's unconditional).
ZEROED, UNSEEN = 0.08, 0.08


def card_to_paint(seed: int, split: Split = "train") -> Scene:
    """What the reference's thing shall look like on the new card: where it usually stands, under any sky, on any ground."""
    return as_asked(scene_to_ask(seed, split, count=1))


def reference_of(scene: Scene, seed: int) -> Scene:
    """Another card with the same thing in the same colour."""
    other = reference_scene(seed)
    wanted = scene.things[0]
    return replace(other, things=(replace(other.things[0], kind=wanted.kind, colour=wanted.colour),))


def prompt_of(scene: Scene, draw: random.Random) -> str:
    """The scenery alone."""
    return wording(replace(scene, things=()), draw, strangers=False)


def new_adapter(base: Base) -> dict[str, dict[str, Tensor]]:
    """Fresh weights: image keys and values start as those of the words, at a tenth for the values."""
    unet, width = base.unet, base.unet.config.cross_attention_dim
    project = {
        "proj.weight": torch.randn(TOKENS * width, WIDTH) * WIDTH**-0.5,
        "proj.bias": torch.zeros(TOKENS * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }
    attention = {}
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            layer = unet.get_submodule(name.removesuffix(".processor"))
            attention[f"{number}.to_k_ip.weight"] = layer.to_k.weight.detach().clone()
            attention[f"{number}.to_v_ip.weight"] = layer.to_v.weight.detach().clone() * 0.1
    return {"image_proj": project, "ip_adapter": attention}


class ReferenceTrainee:
    """v-prediction through the frozen painter, with image tokens from the frozen eye."""

    def __init__(self, base: Base, eye: CLIPVisionModelWithProjection, cache: LatentCache, peak: float = 1e-3) -> None:
        self._base, self._cache = base, cache
        self._eye = eye.requires_grad_(False).eval()
        base.unet._load_ip_adapter_weights([new_adapter(base)])  # as the pipeline's loader does
        parts = {name.replace(".", "_"): part for name, part in _image_layers(base).items()}
        self.modules = nn.ModuleDict({"project": base.unet.encoder_hid_proj, **parts}).requires_grad_(True)
        self.schedule = Schedule(peak, warmup_steps=100, flat_until=0.4)
        self.ema_decay, self.weight_decay = 0.99, 1e-2
        self.vocabulary = base.painter.tokenizer.get_vocab()

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        seeds = [draw.randrange(HELD_OUT, len(self._cache.mean)) for _ in range(BATCH)]
        errors, scenes = self._errors_of(seeds, draw, ZEROED, UNSEEN)
        return (errors * thing_weights(scenes)).mean(), {"plain": errors.mean().item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        torch.manual_seed(7)
        errors, scenes = self._errors_of(list(range(HELD_OUT)), random.Random(7), 0.0, 0.0)
        references = [paint(reference_of(scene, 10_000 + scene.seed)) for scene in scenes[:8]]
        vectors = self._eye(seen(references)).image_embeds
        pictures = [
            self._base.painter(
                prompt_of(scene, random.Random(scene.seed)),
                ip_adapter_image_embeds=[torch.stack([torch.zeros_like(vector), vector])[:, None]],
                num_inference_steps=LOOK_STEPS,
                guidance_scale=2.0,
                height=SIDE_PX,
                width=SIDE_PX,
                generator=torch.Generator().manual_seed(scene.seed),
            ).images[0]
            for scene, vector in zip(scenes[:8], vectors, strict=True)
        ]
        save_grid([*references, *pictures], folder / f"reference-{step:06d}.png")
        return {"v_loss": errors.mean().item()}

    def _errors_of(
        self, seeds: list[int], draw: random.Random, zeroed: float, unseen: float
    ) -> tuple[Tensor, list[Scene]]:
        scenes = [card_to_paint(seed) for seed in seeds]
        noised = self._base.noised(self._cache.sample(torch.tensor(seeds)))
        words = self._base.words([prompt_of(scene, draw) for scene in scenes])
        words = words.kept((torch.rand(len(seeds)) >= zeroed).float())
        references = [paint(reference_of(scene, draw.randrange(1_000_000))) for scene in scenes]
        vectors = self._eye(seen(references)).image_embeds * (torch.rand(len(seeds), 1) >= unseen)
        found = self._predict(noised.noisy, noised.times, words, vectors)
        return F.mse_loss(found, noised.target, reduction="none"), scenes

    def _predict(self, noisy: Tensor, times: Tensor, words: Words, vectors: Tensor) -> Tensor:
        added = self._base.added_to_time(words) | {"image_embeds": [vectors[:, None]]}
        return self._base.unet(noisy, times, words.hidden, added_cond_kwargs=added).sample


def _image_layers(base: Base) -> dict[str, nn.Module]:
    """The attention processors with keys and values for images, by their number in the published files."""
    return {
        str(number): cast(nn.Module, processor)
        for number, processor in enumerate(base.unet.attn_processors.values())
        if hasattr(processor, "to_k_ip")
    }


def tensors_of(modules: nn.Module) -> dict[str, Tensor]:
    """The adapter under its published names."""
    found = {}
    for name, value in modules.state_dict().items():
        if name.startswith("project."):
            end = name.removeprefix("project.image_projection_layers.0.")
            found[f"image_proj.{end.replace('image_embeds', 'proj')}"] = value
        else:
            number, part, _, end = name.split(".")
            found[f"ip_adapter.{number}.{part}.{end}"] = value
    return {name: value.detach().half() for name, value in found.items()}


def cards() -> Iterator[Image.Image]:
    return (paint(card_to_paint(seed)) for seed in range(CARDS))
