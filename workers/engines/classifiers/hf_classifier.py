"""Image classifiers in transformers' layout, as raters: the class named like `nsfw` is its probability."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from transformers import AutoModelForImageClassification

from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.classifiers.classifying import Seen
from workers.engines.classifiers.inspection import NSFW_LABELS, PREPROCESSING, inspect_hf_classifier
from workers.engines.classifiers.torch_classifier import TorchClassifier, placed
from workers.engines.torch_tools.precision import dtype_of
from workers.weights.weight_files import first_words


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes numbers. Read by ourselves: transformers' own reader wants torchvision."""

    height_px: int = 224
    width_px: int = 224
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    resample: int = Image.Resampling.BILINEAR


def load(card: ModelCard, path: Path, plan: LoadPlan) -> TorchClassifier:
    """Put a classifier on the plan's device.

    Raises:
        ModelMissing, EngineFailed: a file is missing or damaged, or no label means what is asked.
        OutOfVram: it does not fit the device.
    """
    inspect_hf_classifier(path)
    try:
        preprocessing = read_preprocessing(path / PREPROCESSING)
        network, told = AutoModelForImageClassification.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype_of(plan),
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as exc:
        raise EngineFailed(f"{card.id} cannot be loaded: {first_words(exc, path, path.parent)}") from exc
    if made_up := [*told["missing_keys"], *told["mismatched_keys"]]:
        # transformers fills these with random numbers and goes on.
        raise EngineFailed(f"{card.id} is not whole: it lacks {made_up[0]} ({len(made_up)} tensors)")
    labels = [network.config.id2label[index] for index in range(network.config.num_labels)]
    return TorchClassifier(card, placed(card, network, plan), partial(_pixels, preprocessing), labels, _rating)


def read_preprocessing(file: Path) -> Preprocessing:
    """What a model's own file says; the defaults of ViT where it is silent."""
    said = json.loads(file.read_text(encoding="utf-8-sig"))
    size, usual = said.get("size", 224), Preprocessing()
    sides = (size, size) if isinstance(size, int) else (size["height"], size["width"])
    return Preprocessing(
        height_px=sides[0],
        width_px=sides[1],
        mean=tuple(said.get("image_mean", usual.mean)),
        std=tuple(said.get("image_std", usual.std)),
        resample=said.get("resample", usual.resample),
    )


def is_nsfw(label: str) -> bool:
    return label.lower() in NSFW_LABELS


def _rating(scored: list[tuple[str, float]]) -> Seen:
    classes = dict(scored)
    return Seen(nsfw=sum(score for label, score in classes.items() if is_nsfw(label)), classes=classes)


def _pixels(how: Preprocessing, picture: Image.Image) -> np.ndarray:
    """(3, height, width) fp32."""
    small = picture.resize((how.width_px, how.height_px), Image.Resampling(how.resample))
    levels = np.asarray(small, dtype=np.float32) / 255.0
    normal = (levels - np.array(how.mean, dtype=np.float32)) / np.array(how.std, dtype=np.float32)
    return normal.transpose(2, 0, 1)


KIND = EngineKind(load=load)
