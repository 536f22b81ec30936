"""A second lesson for the starter vision model, used in training only: what lies under each image token.

Words alone teach slowly where to look: for the first thousand steps the model describes the scenery and guesses the
things. A linear layer that must read kind, colour and box of the thing under each patch out of its image token gives
every patch a lesson of its own. It is thrown away when the model is exported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.starter.world import COLOURS, KINDS, Scene

#: Class of a patch that no thing covers.
NOTHING = 0
#: Errors of boxes are around 0.05, cross entropies around 1.
BOX_WEIGHT = 4.0
_KIND = {kind: index + 1 for index, kind in enumerate(KINDS)}
_COLOUR = {colour: index + 1 for index, colour in enumerate(COLOURS)}


@dataclass(frozen=True)
class PatchTruth:
    """What covers the centre of each patch, row by row.

    Args:
        kinds, colours: (B, P) classes; 0 where there is nothing.
        boxes: (B, P, 4) centre and size, shares of the picture's side; read where there is a thing.
    """

    kinds: Tensor
    colours: Tensor
    boxes: Tensor


def patch_truth(scenes: Sequence[Scene], grid: int) -> PatchTruth:
    """The truth about `grid`×`grid` patches of each scene."""
    kinds = torch.zeros(len(scenes), grid, grid, dtype=torch.long)
    colours, boxes = torch.zeros_like(kinds), torch.zeros(len(scenes), grid, grid, 4)
    for row, scene in enumerate(scenes):
        for thing in scene.things:
            left, top, right, bottom = thing.box
            across, down = (slice(round(a * grid), round(b * grid)) for a, b in ((left, right), (top, bottom)))
            kinds[row, down, across], colours[row, down, across] = _KIND[thing.kind], _COLOUR[thing.colour]
            middle = [(left + right) / 2, (top + bottom) / 2]
            boxes[row, down, across] = torch.tensor([*middle, right - left, bottom - top])
    return PatchTruth(kinds.flatten(1), colours.flatten(1), boxes.flatten(1, 2))


class PatchReader(nn.Module):
    """Kind, colour and box out of image tokens, by one linear layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.read = nn.Linear(dim, len(KINDS) + len(COLOURS) + 2 + 4)

    def loss(self, tokens: Tensor, truth: PatchTruth) -> Tensor:
        """Cross entropies of kind and colour, and the mean error of boxes where there is a thing; tokens: (B, P, D)."""
        kinds, colours, boxes = self.read(self.norm(tokens)).split([len(KINDS) + 1, len(COLOURS) + 1, 4], -1)
        covered = truth.kinds != NOTHING
        total = _everywhere_and_there(kinds, truth.kinds, covered) + _everywhere_and_there(
            colours, truth.colours, covered
        )
        return total + BOX_WEIGHT * F.l1_loss(boxes[covered], truth.boxes[covered]) if covered.any() else total


def _everywhere_and_there(logits: Tensor, classes: Tensor, covered: Tensor) -> Tensor:
    """Cross entropy over all patches, and again over those with a thing: nine patches in ten show none."""
    everywhere = F.cross_entropy(logits.flatten(0, 1), classes.flatten())
    return everywhere + F.cross_entropy(logits[covered], classes[covered]) if covered.any() else everywhere
