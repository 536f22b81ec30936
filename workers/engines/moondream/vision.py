"""Picture → crops → patch features → image tokens.

A picture is seen twice: once whole, shrunk to one crop, and once in overlapping crops at a higher resolution. Every
crop goes through the same ViT; the local features are stitched where the crops meet, pooled to the grid of one crop,
and laid beside the global ones, so that every picture costs the same number of tokens whatever its size. A picture that
is one crop has the same pixels in both and goes through the ViT once.

Dimensions: N crops, P = patches of a crop (grid²), D = vision width, C = 3 colours.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from workers.engines.moondream.config import CROPS_PER_PASS, VisionConfig


@dataclass(frozen=True)
class Crops:
    """One picture, cut up."""

    #: (1 + rows·columns, 3, crop_px, crop_px) uint8; the first is the whole picture. One crop is the whole picture: (1, …).
    pixels: Tensor
    rows: int
    columns: int


def choose_tiling(height_px: int, width_px: int, config: VisionConfig) -> tuple[int, int]:
    """How many crops (rows, columns) cover a picture at its own resolution.

    At most `max_crops` in all, but for strips longer than about 12:1: the rule the weights were trained with gives
    them one row of a few more.
    """
    window_px = config.window * config.patch_px
    height = height_px - 2 * config.margin * config.patch_px
    width = width_px - 2 * config.margin * config.patch_px
    if height <= window_px or width <= window_px:
        return 1, 1
    need_rows, need_columns = math.ceil(height / window_px), math.ceil(width / window_px)
    if need_rows * need_columns > config.max_crops:
        shrink = math.sqrt(config.max_crops / (need_rows * need_columns))
        return max(1, math.floor(need_rows * shrink)), max(1, math.floor(need_columns * shrink))
    rows = max(need_rows, math.floor(math.sqrt(config.max_crops * height / width)))
    columns = max(need_columns, math.floor(math.sqrt(config.max_crops * width / height)))
    if rows * columns <= config.max_crops:
        return rows, columns
    if columns > rows:
        return rows, max(1, config.max_crops // rows)
    return max(1, config.max_crops // columns), columns


def cut(picture: Image.Image, config: VisionConfig) -> Crops:
    """Resize a picture to its tiling and cut it into overlapping crops."""
    picture = picture.convert("RGB")
    rows, columns = choose_tiling(picture.height, picture.width, config)
    window_px = config.window * config.patch_px
    margins_px = 2 * config.margin * config.patch_px
    tiled_size = columns * window_px + margins_px, rows * window_px + margins_px
    whole = np.asarray(picture.resize((config.crop_px, config.crop_px), Image.Resampling.LANCZOS))
    if rows == columns == 1:
        return Crops(torch.from_numpy(whole[None].copy()).permute(0, 3, 1, 2), rows, columns)
    tiled = np.asarray(picture.resize(tiled_size, Image.Resampling.LANCZOS))
    local = [
        tiled[y : y + config.crop_px, x : x + config.crop_px]
        for y in range(0, rows * window_px, window_px)
        for x in range(0, columns * window_px, window_px)
    ]
    return Crops(torch.from_numpy(np.stack([whole, *local])).permute(0, 3, 1, 2), rows, columns)


def scale_pixels(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 levels 0..255 → [-1, 1], same shape."""
    return (pixels.to(dtype) / 255.0 - 0.5) / 0.5


class Attention(nn.Module):
    """Every patch of a crop attends to every other one."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.proj = nn.Linear(config.dim, config.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, P, D) → (N, P, D)."""
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(-2))


class MLP(nn.Module):
    """Two linears with the tanh form of GELU between; the last dimension changes, all others are kept."""

    def __init__(self, in_dim: int, inner_dim: int, out_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_dim, inner_dim)
        self.fc2 = nn.Linear(inner_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(config.dim)
        self.attn = Attention(config)
        self.ln2 = nn.LayerNorm(config.dim)
        self.mlp = MLP(config.dim, config.ff_dim, config.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, P, D) → (N, P, D)."""
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Vision(nn.Module):
    def __init__(self, config: VisionConfig, text_dim: int) -> None:
        super().__init__()
        self.config = config
        self.patch_emb = nn.Linear(3 * config.patch_px**2, config.dim)
        self.pos_emb = nn.Parameter(torch.zeros(1, config.grid**2, config.dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.post_ln = nn.LayerNorm(config.dim)
        self.proj_mlp = MLP(2 * config.dim, config.proj_dim, text_dim)

    def features(self, pixels: Tensor) -> Tensor:
        """Crops (N, 3, crop_px, crop_px) in [-1, 1] → patch features (N, P, D)."""
        x = self.patch_emb(patches(pixels, self.config.patch_px)) + self.pos_emb
        for block in self.blocks:
            x = block(x)
        return self.post_ln(x)

    def tokens(self, features: Tensor, rows: int, columns: int) -> Tensor:
        """All crops' features of one picture, as `Crops` has them (N, P, D) → its image tokens (P, text_dim)."""
        if rows == columns == 1:
            return self._doubled(features[0])
        grid = self.config.grid
        whole, local = features[0], features[1:].unflatten(1, (grid, grid))
        stitched = stitch(local, rows, columns, self.config.margin)
        pooled = F.adaptive_avg_pool2d(stitched.permute(2, 0, 1), (grid, grid)).flatten(1).T
        return self.proj_mlp(torch.cat([whole, pooled], dim=-1))

    def tokens_of_one_crop(self, pixels: Tensor) -> Tensor:
        """A batch of pictures that are one crop each → (B, P, text_dim).

        Args:
            pixels: (B, 3, crop_px, crop_px) in [-1, 1].
        """
        return self._doubled(self.features(pixels))

    def _doubled(self, features: Tensor) -> Tensor:
        """(…, P, D) → (…, P, text_dim), of pictures that are one crop.

        A 1×1 tiling has the whole picture as its only local crop, and pooling keeps a grid of the right size as it is,
        so global and local features are the same.
        """
        return self.proj_mlp(torch.cat([features, features], dim=-1))

    def encode(self, pictures: list[Crops], before_pass: Callable[[], object] = lambda: None) -> Tensor:
        """The image tokens of several pictures, whose crops share the passes through the ViT.

        Args:
            before_pass: called before each pass; may raise to stop here.

        Returns:
            (len(pictures), P, text_dim).
        """
        done = []
        for pixels in torch.cat([picture.pixels for picture in pictures]).split(CROPS_PER_PASS):
            before_pass()
            done.append(self.features(scale_pixels(pixels.to(self.pos_emb.device), self.pos_emb.dtype)))
        each = torch.cat(done).split([len(picture.pixels) for picture in pictures])
        tokens = [self.tokens(one, crops.rows, crops.columns) for one, crops in zip(each, pictures, strict=True)]
        return torch.stack(tokens)


def patches(pixels: Tensor, patch_px: int) -> Tensor:
    """(N, C, H, W) → (N, H/p · W/p, C·p·p): each patch flattened with the colours outermost."""
    tiles = pixels.unfold(2, patch_px, patch_px).unfold(3, patch_px, patch_px)
    return tiles.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def stitch(local: Tensor, rows: int, columns: int, margin: int) -> Tensor:
    """Overlapping crops' features → one picture's, each margin dropped where a neighbour covers it.

    Args:
        local: (rows·columns, grid, grid, D), row by row.

    Returns:
        (rows·window + 2·margin, columns·window + 2·margin, D).
    """
    grid = local.shape[1]

    def kept(at: int, count: int) -> slice:
        return slice(0 if at == 0 else margin, grid if at == count - 1 else grid - margin)

    bands = [
        torch.cat(
            [local[row * columns + column][kept(row, rows), kept(column, columns)] for column in range(columns)], 1
        )
        for row in range(rows)
    ]
    return torch.cat(bands)
