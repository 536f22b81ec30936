"""Words and pictures in one space: a CLIP or a SigLIP in transformers' layout, as an operator has pulled it.

A description is then not needed to find a picture by words. Always in fp32, as `minilm` says why. How a picture becomes
numbers is read from the model's own `preprocessor_config.json`, by ourselves: transformers' reader wants torchvision.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.encoders.directions import directions
from workers.engines.encoders.inspection import PREPROCESSING, inspect_clip
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram
from workers.weights.weight_files import first_words

MIB = 2**20


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes numbers: OpenAI's CLIP where the file is silent."""

    side_px: int = 224
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    resample: int = Image.Resampling.BICUBIC
    #: Whether only the middle square is seen; else the picture is pressed into a square.
    is_cropped: bool = True


def load(card: ModelCard, path: Path, plan: LoadPlan) -> "Clip":
    """Put the model on the plan's device.

    Raises:
        ModelMissing, EngineFailed: a file is missing or damaged. OutOfVram: it does not fit the device.
    """
    inspect_clip(path)
    try:
        preprocessing = read_preprocessing(path / PREPROCESSING)
        network, told = AutoModel.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            trust_remote_code=False,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as exc:  # tokenizers' errors have no class of their own
        raise EngineFailed(f"{card.id} cannot be loaded: {first_words(exc, path, path.parent)}") from exc
    if made_up := [*told["missing_keys"], *told["mismatched_keys"]]:
        raise EngineFailed(f"{card.id} is not whole: it lacks {made_up[0]} ({len(made_up)} tensors)")
    with named_out_of_vram(f"loading {card.id}"):
        return Clip(card, network.eval().requires_grad_(False).to(plan.device), tokenizer, preprocessing)


def read_preprocessing(file: Path) -> Preprocessing:
    """What a model's own file says.

    Raises:
        ValueError, KeyError, TypeError: its values are none that make sense.
    """
    said, usual = json.loads(file.read_text(encoding="utf-8-sig")), Preprocessing()
    crop = said.get("crop_size") or said.get("size") or usual.side_px
    return Preprocessing(
        side_px=_side_of(crop),
        mean=tuple(map(float, said.get("image_mean", usual.mean))),
        std=tuple(map(float, said.get("image_std", usual.std))),
        resample=int(said.get("resample", usual.resample)),
        is_cropped=bool(said.get("do_center_crop", False)),
    )


def _side_of(size: Any) -> int:
    if isinstance(size, dict):
        size = size.get("shortest_edge") or size["height"]
    return int(size)


class Clip:
    """The loaded encoder; see `Embedding`."""

    vector_version = 1

    def __init__(self, card: ModelCard, network: nn.Module, tokenizer: Any, preprocessing: Preprocessing) -> None:
        self.card = card
        self._network: Any = network
        self._tokenizer = tokenizer
        self._preprocessing = preprocessing

    def held_mib(self) -> int:
        return -(-sum(tensor.nbytes for tensor in self._network.state_dict().values()) // MIB)

    def close(self) -> None:
        del self._network
        free_cache()

    def smallest_call(self) -> None:
        self.embed_texts(["a"])

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        most = self._network.config.text_config.max_position_embeddings
        # Padded to the full length: SigLIP was trained so, and CLIP's mask leaves the rest out.
        read = self._tokenizer(list(texts), padding="max_length", truncation=True, max_length=most, return_tensors="pt")
        with named_out_of_vram(f"{self.card.id} on {len(texts)} texts"):
            found = self._network.get_text_features(
                **{name: numbers.to(self._network.device) for name, numbers in read.items()}
            )
            return directions(_pooled(found), "text")

    @torch.inference_mode()
    def embed_pictures(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        pixels = np.stack([_pixels(self._preprocessing, picture) for picture in pictures])
        with named_out_of_vram(f"{self.card.id} on {len(pictures)} pictures"):
            batch = torch.from_numpy(pixels).to(self._network.device)
            return directions(_pooled(self._network.get_image_features(pixel_values=batch)), "picture")


def _pooled(found: Any) -> Tensor:
    """The projected vectors, however this version of transformers wraps them."""
    return found if isinstance(found, Tensor) else found.pooler_output


def _pixels(how: Preprocessing, picture: Image.Image) -> np.ndarray:
    """(3, side, side) fp32."""
    size, resample = (how.side_px, how.side_px), Image.Resampling(how.resample)
    small = ImageOps.fit(picture, size, resample) if how.is_cropped else picture.resize(size, resample)
    levels = np.asarray(small, dtype=np.float32) / 255.0
    normal = (levels - np.array(how.mean, dtype=np.float32)) / np.array(how.std, dtype=np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


KIND = EngineKind(load=load)
