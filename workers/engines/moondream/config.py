"""The sizes of a Moondream, as frozen data: the published 2B model and a tiny one for tests.

Nothing here ties one size to another except where the architecture does: the grid follows from crop and patch, the
head dimension from width and heads, half of a head is rotated.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

#: Crops in one pass through the ViT: bounds its activations (2B, bf16: 0.45 GiB); two large pictures still share a pass.
CROPS_PER_PASS = 26
#: Pictures in one pass of the text model: bounds its activations (2B, bf16: 0.3 GiB beside the prefixes it makes).
PICTURES_PER_PASS = 8
#: Positions a cache grows by at once: growing copies it, so not by one; each costs 0.2 MB a sequence (2B, bf16).
GROWTH = 128


@dataclass(frozen=True)
class VisionConfig:
    crop_px: int = 378  #: side of one square crop
    patch_px: int = 14  #: side of one square patch
    dim: int = 1152
    ff_dim: int = 4304
    layers: int = 27
    heads: int = 16
    proj_dim: int = 8192  #: inner width of the projection into the text model
    max_crops: int = 12  #: local crops a picture; the global crop comes on top
    margin: int = 4  #: patches on each side of a crop that its neighbour covers too

    @property
    def grid(self) -> int:
        """Patches along one side of a crop."""
        return self.crop_px // self.patch_px

    @property
    def window(self) -> int:
        """Patches along one side of a crop that are its own: the grid without both margins."""
        return self.grid - 2 * self.margin


@dataclass(frozen=True)
class TextConfig:
    dim: int = 2048
    ff_dim: int = 8192
    layers: int = 24
    heads: int = 32
    kv_heads: int = 32
    vocab: int = 51200
    max_context: int = 2048  #: positions a sequence may have, image tokens included
    rope_theta: float = 10_000.0

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


@dataclass(frozen=True)
class RegionConfig:
    inner_dim: int = 8192
    coord_features: int = 256  #: Fourier features of one coordinate, cosines and sines together
    coord_bins: int = 1024
    size_features: int = 512  #: Fourier features of a (width, height)
    size_bins: int = 1024  #: a side; the decoder has one set for width and one for height


@dataclass(frozen=True)
class TokenConfig:
    """The token ids that mean something to the model, and the prompts it was trained with (starmie tokenizer)."""

    bos: int = 0
    eos: int = 0
    answer: int = 3  #: ends a question, a name and a reasoning: what follows is the answer
    thinking: int = 4
    coord: int = 5
    size: int = 6
    start_ground: int = 7
    end_ground: int = 9
    caption_short: tuple[int, ...] = (1, 32708, 2, 12492, 3)
    caption_normal: tuple[int, ...] = (1, 32708, 2, 6382, 3)
    caption_long: tuple[int, ...] = (1, 32708, 2, 4059, 3)
    query: tuple[int, ...] = (1, 15381, 2)
    detect: tuple[int, ...] = (1, 7235, 476, 2)
    point: tuple[int, ...] = (1, 2581, 2)


@dataclass(frozen=True)
class MoondreamConfig:
    vision: VisionConfig = field(default_factory=VisionConfig)
    text: TextConfig = field(default_factory=TextConfig)
    region: RegionConfig = field(default_factory=RegionConfig)
    tokens: TokenConfig = field(default_factory=TokenConfig)

    @property
    def prefix_length(self) -> int:
        """Positions a picture takes: BOS and one token per patch of a crop."""
        return 1 + self.vision.grid**2

    def prefix_nbytes(self, bytes_per_value: int) -> int:
        """What the KV prefix of one picture holds in memory."""
        return 2 * self.text.layers * self.text.kv_heads * self.text.head_dim * self.prefix_length * bytes_per_value

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, sizes: Mapping[str, Mapping[str, Any]]) -> Self:
        """The inverse of `as_dict`; what is not named keeps the 2B model's value.

        Raises:
            TypeError: a name that no config has.
        """
        tokens: dict[str, Any] = {  # JSON has no tuples
            name: tuple(ids) if isinstance(ids, list) else ids for name, ids in sizes.get("tokens", {}).items()
        }
        return cls(
            vision=VisionConfig(**sizes.get("vision", {})),
            text=TextConfig(**sizes.get("text", {})),
            region=RegionConfig(**sizes.get("region", {})),
            tokens=TokenConfig(**tokens),
        )


#: `vikhyatk/moondream2`, revision 2025-06-21: 1.927 B parameters.
MOONDREAM_2B = MoondreamConfig()

#: Prompts for a vocabulary of a few hundred: `tokenizer.SPECIAL_TOKENS` gives each word below 20 its name.
SMALL_VOCAB_TOKENS = TokenConfig(
    caption_short=(1, 10, 2, 14, 3),
    caption_normal=(1, 10, 2, 15, 3),
    caption_long=(1, 10, 2, 16, 3),
    query=(1, 11, 2),
    detect=(1, 12, 2),
    point=(1, 13, 2),
)

#: The real architecture at 0.1 M parameters: crops of 8×8 patches, byte-level words.
TINY = MoondreamConfig(
    vision=VisionConfig(
        crop_px=64, patch_px=8, dim=48, ff_dim=80, layers=2, heads=3, proj_dim=96, max_crops=4, margin=2
    ),
    text=TextConfig(dim=64, ff_dim=128, layers=3, heads=4, kv_heads=4, vocab=276, max_context=256),
    region=RegionConfig(inner_dim=64, coord_features=16, coord_bins=64, size_features=32, size_bins=64),
    tokens=SMALL_VOCAB_TOKENS,
)
