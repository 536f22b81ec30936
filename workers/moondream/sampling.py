"""Logits → the next token of each sequence.

A drawn token depends on its sequence's own distribution and on one number from its own random stream, so the same seed
gives the same answer whoever shares the batch. The streams are on the CPU: equal on every device.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.moondream.requests import Sampling


@dataclass(frozen=True)
class Choice:
    """How one sequence takes its next token."""

    sampling: Sampling
    stream: torch.Generator | None = None  #: gives one number per token drawn; greedy needs none
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
    """Nucleus sampling by the inverse of the cumulative distribution: (B, V) → (B,)."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=logits.device)[:, None]

    temperature = column([choice.sampling.temperature for choice in choices])
    top_p = column([choice.sampling.top_p for choice in choices])
    uniform = column([torch.rand((), generator=choice.stream).item() for choice in choices])
    probability, order = (logits.float() / temperature).softmax(-1).sort(dim=-1, descending=True)
    before = probability.cumsum(-1) - probability
    kept = probability.masked_fill(before > top_p, 0.0)
    position = (kept.cumsum(-1) <= uniform * kept.sum(-1, keepdim=True)).sum(-1, keepdim=True)
    last = (kept > 0).sum(-1, keepdim=True) - 1  # rounding may carry the sum past the last one kept
    return order.gather(-1, position.minimum(last)).squeeze(-1)
