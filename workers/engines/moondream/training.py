"""The same network with gradients: teacher-forced logits and losses of words, coordinates and sizes.

Training pictures are one crop each (a 1×1 tiling). What a position is fed and what it must predict both come from the
targets: `logits[:, t]` sees BOS, the picture and the targets before t.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from workers.engines.moondream.network import Network
from workers.engines.moondream.text import prefix_mask


@dataclass(frozen=True)
class TrainBatch:
    """B pictures and T target positions each; a sequence is its prompt, then its answer, then any padding."""

    pixels: Tensor  #: (B, 3, crop_px, crop_px) in [-1, 1]
    ids: Tensor  #: (B, T) token ids; `coord` and `size` stand for the values below
    coords: Tensor  #: (B, T) in 0..1, read where ids is `coord`
    sizes: Tensor  #: (B, T, 2) in 0..1, read where ids is `size`
    counted: Tensor  #: (B, T) bool: True in the answer, False in prompt and padding


@dataclass(frozen=True)
class Predictions:
    logits: Tensor  #: (B, T, V)
    hidden: Tensor  #: (B, T, D), what the region decoders read


@dataclass(frozen=True)
class Losses:
    """Means over the counted positions of each kind; zero where there are none."""

    words: Tensor
    coords: Tensor
    sizes: Tensor

    @property
    def total(self) -> Tensor:
        return self.words + self.coords + self.sizes


def forward_train(network: Network, batch: TrainBatch) -> Predictions:
    """Predictions for every target position, in one pass."""
    tokens = network.config.tokens
    picture = network.vision.tokens_of_one_crop(batch.pixels)
    bos = network.text.embed(torch.full_like(batch.ids[:, :1], tokens.bos))
    x = torch.cat([bos, picture, embed_targets(network, batch)[:, :-1]], dim=1)
    prefix = 1 + picture.shape[1]
    positions = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    hidden = network.text(x, positions, prefix_mask(x.shape[1], prefix, x.device))[:, prefix - 1 :]
    return Predictions(network.text.logits(hidden), hidden)


def embed_targets(network: Network, batch: TrainBatch) -> Tensor:
    """(B, T, D): tokens from the table, coordinates and sizes from their encoders."""
    tokens = network.config.tokens
    is_coord, is_size = (batch.ids == tokens.coord)[..., None], (batch.ids == tokens.size)[..., None]
    x = network.text.embed(batch.ids)
    x = torch.where(is_coord, network.region.encode_coord(batch.coords[..., None]), x)
    return torch.where(is_size, network.region.encode_size(batch.sizes), x)


def losses(network: Network, batch: TrainBatch) -> Losses:
    """Cross entropies: of tokens everywhere counted, of bins where a coordinate or a size is counted.

    After x the model is read by the coordinate head and after y by the size head, without asking for a token, so only
    the first coordinate of an object is also a word; a size never is. Boxes carry sizes: of a point, both
    coordinates are read after its token alone.
    """
    predicted = forward_train(network, batch)
    tokens, region = network.config.tokens, network.region
    is_coord = batch.counted & (batch.ids == tokens.coord)
    is_size = batch.counted & (batch.ids == tokens.size)
    is_word = batch.counted & ~is_size & ~second_coords(batch.ids == tokens.coord)
    return Losses(
        words=mean_loss(predicted.logits[is_word], batch.ids[is_word]),
        coords=mean_loss(region.coord_logits(predicted.hidden[is_coord]), region.coord_bin(batch.coords[is_coord])),
        sizes=mean_loss(region.size_logits(predicted.hidden[is_size]), region.size_bin(batch.sizes[is_size])),
    )


def second_coords(is_coord: Tensor) -> Tensor:
    """The y of every x, y: the even ones in each row of coordinates, which always come in pairs; (B, T) bool."""
    return is_coord & (is_coord.cumsum(-1) % 2 == 0)


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of (…, bins) against (…); zero, still differentiable, when there is nothing to compare."""
    if targets.numel() == 0:
        return logits.sum() * 0.0
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten())
