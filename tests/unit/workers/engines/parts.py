"""Real small parts for the tests of the SDXL engine: work, a watch that remembers, pictures and their differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from shared.contracts.generation import GenerationParams
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from workers.engines.base import GenerateWork, LoadPlan, Previews

SIDE = 64
#: As plain diffusers decodes a batch unless told otherwise.
UNSLICED = LoadPlan(vae_slicing=False)


def toy_card() -> ModelCard:
    return load_catalogue(Settings()).get("sdxl-toy")


def params(**changes: Any) -> GenerationParams:
    base: dict[str, Any] = {
        "prompt": "a red fox",
        "negative_prompt": "",
        "width": SIDE,
        "height": SIDE,
        "steps": 3,
        "guidance_scale": 5.0,
        "scheduler": "euler",
        "seed": 7,
        "n": 1,
    }
    return GenerationParams(**base | changes)


def work(image: Image.Image | None = None, **changes: Any) -> GenerateWork:
    if image is not None:
        changes = {"image": "the starting picture", "strength": 0.7} | changes
    return GenerateWork(params(**changes), image)


class Watch:
    """Remembers what it was told; `at_step` may raise to stop the work."""

    def __init__(self, at_step: Callable[[int], None] = lambda step: None) -> None:
        self.steps: list[tuple[int, int]] = []
        self.degradations: list[str] = []
        self.previews: list[Image.Image] = []
        self._at_step = at_step

    def step(self, step: int, steps: int, previews: Previews | None = None) -> None:
        self.steps.append((step, steps))
        self.previews = previews()() if previews else []
        self._at_step(step)

    def degrade(self, what: str) -> None:
        self.degradations.append(what)


def stripes(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


def rings(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Grey rings around the centre."""
    y, x = np.mgrid[:height, :width]
    waves = 127 + 127 * np.sin(np.hypot(x - width / 2, y - height / 2) / 3)
    return Image.fromarray(np.repeat(waves[..., None], 3, axis=2).astype(np.uint8))


def levels_apart(a: Image.Image, b: Image.Image) -> int:
    """The largest difference of any channel of any pixel, of 255."""
    return int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())


def distance(a: Image.Image, b: Image.Image) -> float:
    """The mean difference over all channels and pixels, of 255."""
    return float(np.abs(np.asarray(a, int) - np.asarray(b, int)).mean())
