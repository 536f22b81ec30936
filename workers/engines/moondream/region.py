"""Coordinates and sizes ↔ hidden states: how the model reads and says where something is.

A coordinate is 0..1 of the picture's width or height, decoded to one of evenly spaced bins. A size is 0..1 too, in
bins spaced evenly in log2 from 2⁻¹⁰ to 1, because small things need finer steps.
"""

import math

import torch
from torch import Tensor, nn

from workers.engines.moondream.config import RegionConfig
from workers.engines.moondream.vision import MLP

#: A size's smallest bin is 2 to the minus this.
SIZE_OCTAVES = 10.0


def fourier(x: Tensor, frequencies: Tensor) -> Tensor:
    """(…, n) → (…, 2m), cosines then sines; frequencies: (n, m)."""
    angles = 2 * math.pi * x @ frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Region(nn.Module):
    def __init__(self, config: RegionConfig, text_dim: int) -> None:
        super().__init__()
        self.config = config
        self.coord_features = nn.Parameter(torch.empty(1, config.coord_features // 2))
        self.coord_encoder = nn.Linear(config.coord_features, text_dim)
        self.coord_decoder = MLP(text_dim, config.inner_dim, config.coord_bins)
        self.size_features = nn.Parameter(torch.empty(2, config.size_features // 2))
        self.size_encoder = nn.Linear(config.size_features, text_dim)
        self.size_decoder = MLP(text_dim, config.inner_dim, 2 * config.size_bins)

    def encode_coord(self, coords: Tensor) -> Tensor:
        """(…, 1) in 0..1 → (…, D)."""
        return self.coord_encoder(fourier(coords.to(self.coord_features.dtype), self.coord_features))

    def encode_size(self, sizes: Tensor) -> Tensor:
        """(…, 2) width and height in 0..1 → (…, D)."""
        return self.size_encoder(fourier(sizes.to(self.size_features.dtype), self.size_features))

    def coord_logits(self, hidden: Tensor) -> Tensor:
        """(…, D) → (…, coord_bins)."""
        return self.coord_decoder(hidden)

    def size_logits(self, hidden: Tensor) -> Tensor:
        """(…, D) → (…, 2, size_bins): width, then height."""
        return self.size_decoder(hidden).unflatten(-1, (2, -1))

    def decode_coord(self, hidden: Tensor) -> Tensor:
        """The likeliest coordinate, in fp32: (…, D) → (…); NaN where the logits are not finite."""
        return _likeliest(self.coord_logits(hidden)) / self.config.coord_bins

    def decode_size(self, hidden: Tensor) -> Tensor:
        """The likeliest width and height, in fp32: (…, D) → (…, 2); NaN where the logits are not finite."""
        bins = _likeliest(self.size_logits(hidden))
        return torch.pow(2.0, bins / (self.config.size_bins - 1) * SIZE_OCTAVES - SIZE_OCTAVES)

    def coord_bin(self, coords: Tensor) -> Tensor:
        """The bin a coordinate trains towards: (…) in 0..1 → (…) long."""
        return (coords * self.config.coord_bins).round().long().clamp(0, self.config.coord_bins - 1)

    def size_bin(self, sizes: Tensor) -> Tensor:
        """The bin a width or height trains towards: (…) in 0..1 → (…) long."""
        octaves = sizes.clamp(min=2.0**-SIZE_OCTAVES).log2() + SIZE_OCTAVES
        return (octaves / SIZE_OCTAVES * (self.config.size_bins - 1)).round().long().clamp(0, self.config.size_bins - 1)


def _likeliest(logits: Tensor) -> Tensor:
    """The best bin in fp32: (…, bins) → (…). `argmax` would answer the place of a NaN as if it were the best."""
    return logits.argmax(-1).float().masked_fill(~logits.isfinite().all(-1), math.nan)
