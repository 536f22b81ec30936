"""The language model: embeddings of image tokens, words and regions → hidden states.

Every sequence of a batch has its own length. A position is where a token stands in *its* sequence, the cache has one
row per sequence, and a query sees what stands at its own position or before. So sequences share matrix products
without knowing of each other.

Dimensions: B sequences, T new tokens each, S cached positions, D = width, H heads of E values, V = vocabulary.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.engines.moondream.config import GROWTH, TextConfig
from workers.engines.moondream.vision import MLP


class KVCache:
    """Keys and values of B sequences in all layers; what lies behind a sequence's own end is never looked at.

    It is masked there, and finite: masked numbers count nothing, but NaN times nothing is NaN.
    """

    def __init__(self, config: TextConfig, batch: int, capacity: int, like: Tensor) -> None:
        """Empty rows for `batch` sequences, with the device and dtype of `like`."""
        shape = (batch, config.kv_heads, capacity, config.head_dim)
        self.keys = [like.new_zeros(shape) for _ in range(config.layers)]
        self.values = [like.new_zeros(shape) for _ in range(config.layers)]

    @property
    def capacity(self) -> int:
        return self.keys[0].shape[2]

    @property
    def batch(self) -> int:
        return self.keys[0].shape[0]

    @property
    def nbytes(self) -> int:
        return sum(cached.nbytes for cached in (*self.keys, *self.values))

    def grow(self, needed: int, most: int | None = None) -> None:
        """Make room for `needed` positions, and a few more so that it need not be done for each; at `most` so many."""
        if needed <= self.capacity:
            return
        more = max(needed, min(needed + GROWTH, most or needed + GROWTH)) - self.capacity
        self._replace(lambda cached: F.pad(cached, (0, 0, 0, more)))

    def add_rows(self, batch: int) -> None:
        """Make room for `batch` sequences in all."""
        more = batch - self.batch
        self._replace(lambda cached: F.pad(cached, (0, 0, 0, 0, 0, 0, 0, more)))

    def _replace(self, change: Callable[[Tensor], Tensor]) -> None:
        """Layer by layer, so that never more than one is there twice."""
        for layer in range(len(self.keys)):
            self.keys[layer] = change(self.keys[layer])
            self.values[layer] = change(self.values[layer])

    def part(self, start: int, stop: int) -> "KVCache":
        """Rows from `start` to before `stop`, in the same memory."""
        part = object.__new__(KVCache)
        part.keys = [cached[start:stop] for cached in self.keys]
        part.values = [cached[start:stop] for cached in self.values]
        return part

    def fill(self, row: int, begun: Tensor | None) -> None:
        """Start one sequence: with an encoded picture, where it was taken out, or empty; nothing is left of whoever had the
        row before.

        Args:
            begun: (layers, 2, kv_heads, P, E), on any device.
        """
        length = 0 if begun is None else begun.shape[3]
        for layer, (keys, values) in enumerate(zip(self.keys, self.values, strict=True)):
            keys[row, :, length:], values[row, :, length:] = 0, 0
            if begun is not None:
                keys[row, :, :length], values[row, :, :length] = begun[layer, 0], begun[layer, 1]

    def taken_out(self, row: int, length: int) -> Tensor:
        """What `fill` takes, of the first `length` positions of one sequence, in host memory."""
        sizes = (len(self.keys), 2, self.keys[0].shape[1], length, self.keys[0].shape[3])
        out = torch.empty(sizes, dtype=self.keys[0].dtype, device="cpu")
        for layer, (keys, values) in enumerate(zip(self.keys, self.values, strict=True)):
            out[layer, 0], out[layer, 1] = keys[row, :, :length], values[row, :, :length]
        return out

    def move(self, row: int, to: int) -> None:
        """One sequence takes the row of another, which is gone."""
        for cached in (*self.keys, *self.values):
            cached[to] = cached[row]

    def swap(self, one: int, other: int) -> None:
        """Two sequences change rows."""
        for cached in (*self.keys, *self.values):
            cached[[one, other]] = cached[[other, one]]

    def put(self, layer: int, positions: Tensor, keys: Tensor, values: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Write T new positions of every sequence and read the first `length` of all.

        Args:
            positions: (B, T).
            keys, values: (B, kv_heads, T, E).

        Returns:
            Keys and values, each (B, kv_heads, length, E).
        """
        rows = torch.arange(len(positions), device=positions.device)[:, None]
        self.keys[layer][rows, :, positions] = keys.transpose(1, 2)
        self.values[layer][rows, :, positions] = values.transpose(1, 2)
        return self.keys[layer][:, :, :length], self.values[layer][:, :, :length]


class NewPrefixes:
    """Keys and values of sequences that are fed whole, written where they stay: one tensor a sequence."""

    def __init__(self, config: TextConfig, batch: int, length: int, like: Tensor) -> None:
        shape = (config.layers, 2, config.kv_heads, length, config.head_dim)
        #: What a `Prefix` holds, of each sequence.
        self.kv = [like.new_empty(shape) for _ in range(batch)]

    def put(self, layer: int, positions: Tensor, keys: Tensor, values: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """See `KVCache.put`; all positions come at once, so what was given is all there is."""
        for row, kv in enumerate(self.kv):
            kv[layer, 0], kv[layer, 1] = keys[row], values[row]
        return keys, values


Cache = KVCache | NewPrefixes


def rotation(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines for the rotated half of a head: positions (B, T) → two of (B, 1, T, head_dim/4), in fp32."""
    rotated = head_dim // 2
    exponents = torch.arange(0, rotated, 2, dtype=torch.float32, device=positions.device) / rotated
    angles = positions[:, None, :, None].float() * (1.0 / theta**exponents)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first half of each head by its position; (B, H, T, E) → same shape.

    The two quarters are rotated against each other and written back interleaved (r0 i0 r1 i1 …): odd, but the
    weights were trained with it.
    """
    quarter = x.shape[-1] // 4
    real, imaginary, untouched = x[..., :quarter], x[..., quarter : 2 * quarter], x[..., 2 * quarter :]
    turned = torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=-1).flatten(-2)
    return torch.cat([turned.to(x.dtype), untouched], dim=-1)


class Attention(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.dim, (config.heads + 2 * config.kv_heads) * config.head_dim)
        self.proj = nn.Linear(config.dim, config.dim)

    def forward(
        self, x: Tensor, turn: tuple[Tensor, Tensor], positions: Tensor, mask: Tensor, cache: Cache | None, layer: int
    ) -> Tensor:
        """(B, T, D) → (B, T, D); see `Text.forward`."""
        heads, kv_heads = self.config.heads, self.config.kv_heads
        qkv = self.qkv(x).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
        q, k, v = qkv.split([heads, kv_heads, kv_heads], dim=1)
        q, k = rotate(q, *turn), rotate(k, *turn)
        if cache is not None:
            k, v = cache.put(layer, positions, k, v, mask.shape[-1])
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=heads != kv_heads)
        return self.proj(mixed.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """One LayerNorm feeds attention and MLP side by side."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(config.dim)
        self.attn = Attention(config)
        self.mlp = MLP(config.dim, config.ff_dim, config.dim)

    def forward(
        self, x: Tensor, turn: tuple[Tensor, Tensor], positions: Tensor, mask: Tensor, cache: Cache | None, layer: int
    ) -> Tensor:
        """(B, T, D) → (B, T, D); see `Text.forward`."""
        normed = self.ln(x)
        return x + self.attn(normed, turn, positions, mask, cache, layer) + self.mlp(normed)


class Text(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Parameter(torch.empty(config.vocab, config.dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.post_ln = nn.LayerNorm(config.dim)
        self.lm_head = nn.Linear(config.dim, config.vocab)

    def embed(self, ids: Tensor) -> Tensor:
        """(…) token ids → (…, D)."""
        return F.embedding(ids, self.wte)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Hidden states of new tokens.

        Args:
            x: (B, T, D) embeddings.
            positions: (B, T), where each stands in its own sequence.
            mask: (B, 1, T, S) bool, or (1, 1, T, S) for all: True where a token may look.
            cache: written at `positions`, read up to S; without one S = T.

        Returns:
            (B, T, D), before the final norm: `logits` and the region decoders take it from here.
        """
        turn = rotation(positions, self.config.head_dim, self.config.rope_theta)
        for layer, block in enumerate(self.blocks):
            x = block(x, turn, positions, mask, cache, layer)
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, D) → (…, V)."""
        return self.lm_head(self.post_ln(hidden))


def causal_mask(positions: Tensor, length: int) -> Tensor:
    """A token sees its own position and all before: positions (B, T) → (B, 1, T, length)."""
    return torch.arange(length, device=positions.device) <= positions[:, None, :, None]


def prefix_mask(total: int, prefix: int, device: torch.device) -> Tensor:
    """Causal, but the first `prefix` positions (BOS and the picture) see one another freely: (1, 1, total, total)."""
    at = torch.arange(total, device=device)
    return ((at <= at[:, None]) | (torch.maximum(at, at[:, None]) < prefix))[None, None]
