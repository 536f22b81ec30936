"""Logits → the next token of each sequence.

A drawn token is the Gumbel maximum over token ids: the likeliest after each id has got noise of its own. Noise is a
function of seed, place and id alone, made of integers, so it is the same on every device and whoever shares the pass.
Rounding, which differs with who shares it, then only matters where two ids are equal to the last bits; an inverse of the
cumulative distribution swaps neighbours wherever rounding changes their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.moondream.requests import Sampling

#: SplitMix64 (Steele, Lea and Flood, 2014): its step, and the factors of its finaliser, as signed 64-bit integers.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


@dataclass(frozen=True)
class Choice:
    """How one sequence takes its next token."""

    sampling: Sampling
    place: int = 0  #: tokens it took before: no two draws share their noise
    banned: tuple[int, ...] = ()  #: token ids that may not come now


def choose(logits: Tensor, choices: list[Choice]) -> list[int]:
    """One token per sequence; logits: (B, V), overwritten where banned."""
    for row, choice in enumerate(choices):
        logits[row, list(choice.banned)] = float("-inf")
    chosen = logits.argmax(-1)
    drawn = [row for row, choice in enumerate(choices) if choice.sampling.temperature > 0]
    if drawn:
        chosen[drawn] = draw(logits[drawn], [choices[row] for row in drawn])
    return chosen.tolist()


def draw(logits: Tensor, choices: list[Choice]) -> Tensor:
    """Nucleus sampling: (B, V) → (B,). Noise is only made for as many ids as the largest nucleus has."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=logits.device)[:, None]

    temperature = column([choice.sampling.temperature for choice in choices])
    top_p = column([choice.sampling.top_p for choice in choices])
    probability, ids = (logits.float() / temperature).softmax(-1).sort(dim=-1, descending=True)
    kept = (probability.double().cumsum(-1) - probability <= top_p) & (probability > 0)
    most = int(kept.sum(-1).max())
    noise = gumbel([choice.sampling.seed for choice in choices], [choice.place for choice in choices], ids[:, :most])
    score = (probability[:, :most].double().log() + noise).masked_fill(~kept[:, :most], float("-inf"))
    return ids.gather(-1, score.argmax(-1, keepdim=True)).squeeze(-1)


def gumbel(seeds: Sequence[int], places: Sequence[int], ids: Tensor) -> Tensor:
    """Standard Gumbel noise of each id; seeds and places: one a row; ids: (B, N) → (B, N), float64."""
    rows = torch.tensor(list(zip(seeds, places, strict=True)), dtype=torch.int64, device=ids.device)
    stream = _mixed(_mixed(rows[:, :1]) + (rows[:, 1:] + 1) * GOLDEN)
    bits = _shifted(_mixed(stream + (ids + 1) * GOLDEN), 11)  # 53 of them, as many as a float64 has
    uniform = (bits.double() + 0.5) * 2.0**-53
    return -(-uniform.log()).log()


def _mixed(x: Tensor) -> Tensor:
    """SplitMix64's finaliser; int64 products wrap."""
    x = (x ^ _shifted(x, 30)) * FACTORS[0]
    x = (x ^ _shifted(x, 27)) * FACTORS[1]
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, by: int) -> Tensor:
    """To the right, zeros coming in: torch's own shift copies the sign."""
    return (x >> by) & ((1 << (64 - by)) - 1)
