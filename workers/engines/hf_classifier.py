"""Image classifiers in transformers' layout, as raters: the class named like `nsfw` is its probability."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageClassification

from shared.catalogue import ModelCard
from shared.errors import EngineFailed
from workers.analysis.classifying import Seen, classify
from workers.engines.base import AnalyzeWork, EngineKind, Watch, WorkOutcome
from workers.load_plan import LoadPlan
from workers.out_of_vram import free_cache, named_out_of_vram
from workers.precision import dtype_of

PREPROCESSING = "preprocessor_config.json"
#: Labels, in lower case, that mean not safe for work.
NSFW_LABELS = frozenset({"nsfw", "porn", "hentai", "sexy", "explicit", "unsafe"})
MIB = 2**20


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes numbers. Read by ourselves: transformers' own reader wants torchvision."""

    height_px: int = 224
    width_px: int = 224
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    resample: int = Image.Resampling.BILINEAR


def load(card: ModelCard, path: Path, plan: LoadPlan) -> "HfClassifierEngine":
    """Put a classifier on the plan's device.

    Raises:
        EngineFailed: the folder holds no image classifier with such a label.
        OutOfVram: it does not fit the card.
    """
    try:
        preprocessing = read_preprocessing(path / PREPROCESSING)
        network = AutoModelForImageClassification.from_pretrained(
            path, local_files_only=True, use_safetensors=True, dtype=dtype_of(plan), trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as exc:
        raise EngineFailed(f"{card.id} cannot be loaded: {str(exc)[:300]}") from exc
    labels = [network.config.id2label[index] for index in range(network.config.num_labels)]
    if not any(is_nsfw(label) for label in labels):
        raise EngineFailed(f"{card.id} rates nothing: its labels are {', '.join(labels)}")
    with named_out_of_vram(f"loading {card.id}"):
        network = network.eval().requires_grad_(False).to(plan.device)
    return HfClassifierEngine(card, network, labels, preprocessing)


def read_preprocessing(file: Path) -> Preprocessing:
    """What a model's own file says; the defaults of ViT where it is silent."""
    said = json.loads(file.read_text())
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


class HfClassifierEngine:
    """The loaded classifier."""

    def __init__(self, card: ModelCard, network: Any, labels: list[str], preprocessing: Preprocessing) -> None:
        self.card = card
        self._network = network
        self._labels = labels
        self._preprocessing = preprocessing

    def held_mib(self) -> int:
        return -(-sum(tensor.nbytes for tensor in self._network.state_dict().values()) // MIB)

    def close(self) -> None:
        del self._network
        free_cache()

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """See `AnalyzeEngine.analyze`."""
        return classify(self._look, works, watch, at_once)

    @torch.inference_mode()
    def _look(self, pictures: list[Image.Image]) -> list[Seen]:
        with named_out_of_vram(f"rating {len(pictures)} pictures"):
            pixels = torch.from_numpy(np.stack([_pixels(picture, self._preprocessing) for picture in pictures]))
            batch = pixels.to(self._network.device, self._network.dtype)
            scores = self._network(pixel_values=batch).logits.float().softmax(-1).cpu()
        return [self._seen(row.tolist()) for row in scores]

    def _seen(self, scores: list[float]) -> Seen:
        classes = dict(zip(self._labels, scores, strict=True))
        return Seen(nsfw=sum(score for label, score in classes.items() if is_nsfw(label)), classes=classes)


def _pixels(picture: Image.Image, how: Preprocessing) -> np.ndarray:
    """(3, height, width) fp32."""
    small = picture.resize((how.width_px, how.height_px), Image.Resampling(how.resample))
    levels = np.asarray(small, dtype=np.float32) / 255.0
    normal = (levels - np.array(how.mean, dtype=np.float32)) / np.array(how.std, dtype=np.float32)
    return normal.transpose(2, 0, 1)


KIND = EngineKind(load=load)
