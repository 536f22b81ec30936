"""Postcards as training batches: tensors, crops around things, worn copies, and grids to look at."""

import io
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor

from workers.starter.paint import paint
from workers.starter.world import SIDE_PX, Scene, Split, scene_from_seed

#: Pictures of the training split get seeds from 0 up; looks and tests use the held-out split.
SEEDS_PER_STEP = 64


def scenes_of_step(step: int, many: int, split: Split = "train") -> list[Scene]:
    """Fresh scenes for every step; no two steps share one."""
    return [scene_from_seed(step * SEEDS_PER_STEP + k, split) for k in range(many)]


def to_tensor(picture: Image.Image) -> Tensor:
    """(3, H, W), −1 to 1, on the default device, where training runs."""
    return torch.tensor(np.asarray(picture)).permute(2, 0, 1).float() / 127.5 - 1


def to_picture(tensor: Tensor) -> Image.Image:
    """The way back from `to_tensor`, clipped."""
    levels = ((tensor.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte()
    return Image.fromarray(levels.cpu().numpy())


def batch_of(scenes: Sequence[Scene]) -> Tensor:
    """(B, 3, 128, 128), −1 to 1."""
    return torch.stack([to_tensor(paint(scene)) for scene in scenes])


def crops_of(scenes: Sequence[Scene], side_px: int, draw: random.Random) -> Tensor:
    """(B, 3, side, side): three crops in four lie around a thing, since that is where the detail is."""
    crops = []
    for scene in scenes:
        x, y = draw.random(), draw.random()
        if scene.things and draw.random() < 0.75:
            x, y = draw.choice(scene.things).point
        left, top = (_corner(centre, side_px, draw) for centre in (x, y))
        crops.append(to_tensor(paint(scene).crop((left, top, left + side_px, top + side_px))))
    return torch.stack(crops)


def worn(picture: Image.Image, draw: random.Random) -> Image.Image:
    """The card after a way through the world: blurred, resized, lighter or darker, or saved as a JPEG."""
    change = draw.randrange(4)
    if change == 0:
        return picture.filter(ImageFilter.GaussianBlur(draw.uniform(0.2, 1.1)))
    if change == 1:
        side = draw.randint(64, 200)
        return picture.resize((side, side), draw.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)))
    if change == 2:
        return ImageEnhance.Brightness(picture).enhance(draw.uniform(0.88, 1.12))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=draw.randint(30, 92))
    return Image.open(file).convert("RGB")


def _corner(centre: float, side_px: int, draw: random.Random) -> int:
    start = round(centre * SIDE_PX - side_px / 2 + draw.uniform(-0.2, 0.2) * side_px)
    return min(max(start, 0), SIDE_PX - side_px)


def save_grid(pictures: Sequence[Image.Image], path: Path, columns: int = 8) -> None:
    """Write pictures of one size side by side."""
    wide, high = pictures[0].size
    grid = Image.new("RGB", (columns * wide, -(-len(pictures) // columns) * high))
    for k, picture in enumerate(pictures):
        grid.paste(picture, (k % columns * wide, k // columns * high))
    path.parent.mkdir(parents=True, exist_ok=True)
    grid.save(path)
