"""A torch network that looks at pictures once, as a loaded engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, new
from torch import Tensor, nn

from shared.models.catalogue import ModelCard
from workers.engines.base import AnalyzeWork, LoadPlan, Watch, WorkOutcome
from workers.engines.classifiers.classifying import Seen, classify
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram

MIB = 2**20


def placed(card: ModelCard, network: nn.Module, plan: LoadPlan) -> nn.Module:
    """The network on the plan's device, ready to look and never to learn.

    Raises:
        OutOfVram: it does not fit.
    """
    with named_out_of_vram(f"loading {card.id}"):
        return network.eval().requires_grad_(False).to(plan.device)


class TorchClassifier:
    """The loaded classifier.

    Args:
        pixels: one picture as the network wants it, (3, height, width) fp32.
        classes: names of the network's outputs, in order; two may be equal.
        seen: what the classes of one picture, each with its probability, tell.
    """

    def __init__(
        self,
        card: ModelCard,
        network: nn.Module,
        pixels: Callable[[Image], np.ndarray],
        classes: Sequence[str],
        seen: Callable[[list[tuple[str, float]]], Seen],
    ) -> None:
        self.card = card
        self._network = network
        self._pixels = pixels
        self._classes = tuple(classes)
        self._seen = seen

    def held_mib(self) -> int:
        return -(-sum(tensor.nbytes for tensor in self._network.state_dict().values()) // MIB)

    def close(self) -> None:
        del self._network
        free_cache()

    def smallest_call(self) -> None:
        self._look([new("RGB", (8, 8))])

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """See `AnalyzeEngine.analyze`."""
        return classify(self._look, works, watch, at_once)

    @torch.inference_mode()
    def _look(self, pictures: list[Image]) -> list[Seen]:
        weights = next(self._network.parameters())
        with named_out_of_vram(f"{self.card.id} on {len(pictures)} pictures"):
            batch = torch.from_numpy(np.stack([self._pixels(picture) for picture in pictures]))
            found: Any = self._network(batch.to(weights.device, weights.dtype))
            logits: Tensor = getattr(found, "logits", found)
            scores = logits.float().softmax(-1).cpu()
        if weights.dtype == torch.float16:  # a wider precision may mend it; else each picture's own answer tells
            refuse_non_finite(logits, "the scores", [f"picture {i + 1}" for i in range(len(pictures))])
        return [self._seen(list(zip(self._classes, row.tolist(), strict=True))) for row in scores]
