"""A classifier that also tells what a picture looks like: its last layer before the classes, as a vector.

Pictures with near vectors look alike. The layer is wide (1,280 numbers), and what is stored for each picture should be
small, so it is projected to `FEATURE_DIMENSIONS` by a fixed random matrix: angles stay within about 0.06 (Johnson and
Lindenstrauss; 1/√256), the same on every host and for ever. Changing seed, size or layer makes another space: raise
`vector_version` then.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from shared.contracts.embedding import FEATURE_DIMENSIONS
from shared.errors import EngineFailed
from workers.engines.classifiers.torch_classifier import TorchClassifier
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.out_of_vram import named_out_of_vram

SEED = 20_261_125
LEAST_LENGTH = 1e-12


class FeaturedClassifier(TorchClassifier):
    """The loaded classifier; see `Embedding`.

    Args:
        features: the network and (B, 3, height, width) → (B, width of the layer).
        others: of `TorchClassifier`.
    """

    vector_version = 1

    def __init__(self, features: Callable[[Any, Tensor], Tensor], *others: Any) -> None:
        super().__init__(*others)
        self._features = features

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        raise EngineFailed(f"{self.card.id} knows pictures only")

    @torch.inference_mode()
    def embed_pictures(self, pictures: Sequence[Image]) -> np.ndarray:
        weights = next(self._network.parameters())
        with named_out_of_vram(f"{self.card.id} on {len(pictures)} pictures"):
            batch = torch.from_numpy(np.stack([self._pixels(picture) for picture in pictures]))
            found = self._features(self._network, batch.to(weights.device, weights.dtype)).float()
        refuse_non_finite(found, "the features", [f"picture {i + 1}" for i in range(len(pictures))])
        return projected(found.cpu().numpy())


def projected(features: np.ndarray) -> np.ndarray:
    """(n, any width) → (n, FEATURE_DIMENSIONS) fp32, each row of length 1."""
    small = features.astype(np.float32) @ _matrix(features.shape[1])
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), LEAST_LENGTH)


@cache
def _matrix(width: int) -> np.ndarray:
    """`RandomState` and not the newer generators: numpy promises that its stream never changes."""
    return np.random.RandomState(SEED).standard_normal((width, FEATURE_DIMENSIONS)).astype(np.float32)
