"""Where image to image starts: the picture made to fit, and how far to go from it."""

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageOps

from shared.contracts.generation import GenerationParams


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in RGB at exactly width × height pixels: scaled to cover it, then centre-cropped.

    The aspect is kept and nothing is stretched; what sticks out on the longer side is cut off evenly. A picture that
    has the size already passes untouched, to the last bit.
    """
    rgb = picture.convert("RGB")
    if rgb.size == (width, height):
        return rgb
    return ImageOps.fit(rgb, (width, height), method=Image.Resampling.LANCZOS, centering=(0.5, 0.5))


def effective_strength(steps: int, strength: float | None) -> float:
    """The strength that leaves at least one step: the pipeline runs int(steps × strength), and fails on none."""
    asked = 1.0 if strength is None else strength
    if int(steps * asked) >= 1:
        return asked
    # Half a step more than one: steps × (1 / steps) may round down to none.
    return min(1.0, 1.5 / steps)


def start(params: GenerationParams, images: Sequence[Image.Image | None]) -> dict[str, Any]:
    """Where a run starts from, as arguments of a pipeline's call: a size, or fitted pictures and how far to go."""
    if not params.is_img2img:
        return {"width": params.width, "height": params.height}
    return {"image": list(images), "strength": effective_strength(params.steps, params.strength)}
