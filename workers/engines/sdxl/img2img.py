"""Where image to image starts: the picture made to fit, and how far to go from it."""

from typing import Any

import torch
from PIL import Image, ImageOps

from shared.contracts.generation import GenerationParams
from shared.errors import InvalidRequest


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in RGB at exactly width × height pixels: scaled to cover it, then centre-cropped.

    The aspect is kept and nothing is stretched; what sticks out on the longer side is cut off evenly. A picture that
    has the size already passes untouched, to the last bit.
    """
    rgb = picture.convert("RGB")
    if rgb.size == (width, height):
        return rgb
    return ImageOps.fit(rgb, (width, height), method=Image.Resampling.LANCZOS, centering=(0.5, 0.5))


def start(params: GenerationParams, latents: torch.Tensor | None) -> dict[str, Any]:
    """Where a run starts from, as arguments of a pipeline's call: a size, or encoded pictures and how far to go.

    Raises:
        InvalidRequest: no step would run. The door refuses that too; painting with another strength would be a lie.
    """
    if latents is None:
        return {"width": params.width, "height": params.height}
    if params.steps_run < 1:
        raise InvalidRequest(
            f"{params.steps} steps × strength {params.strength} leave no step to run", field="strength"
        )
    return {"image": latents, "strength": 1.0 if params.strength is None else params.strength}
