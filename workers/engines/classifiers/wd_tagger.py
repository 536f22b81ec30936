"""WD tagger: booru tags and a rating from one pass over an ONNX model.

Its tags lie beside it in `selected_tags.csv`: name and category of each output. Category 9 are the four ratings, 4 are
characters, the rest is what is to be seen.
"""

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shared.contracts.vision import Tag
from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.classifiers.classifying import Seen
from workers.engines.classifiers.inspection import TAGS as TAGS_FILE
from workers.engines.classifiers.inspection import inspect_wd_tagger
from workers.engines.classifiers.onnx_classifier import OnnxClassifier
from workers.engines.classifiers.onnx_session import Reopened, held_mib_of, open_session

RATING_CATEGORY = "9"
CATEGORIES = {"0": "general", "4": "character"}
#: Ratings that count as not safe for work.
NSFW_RATINGS = ("questionable", "explicit")
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Label:
    """One output of the model."""

    name: str
    category: str


def load(card: ModelCard, path: Path, plan: LoadPlan) -> OnnxClassifier:
    """Open the model and its list of tags.

    Raises:
        ModelMissing: the model or the list beside it is missing.
        EngineFailed: the model is damaged or cannot run here, or the list is not its own.
    """
    inspect_wd_tagger(path)
    labels = read_labels(path.parent / TAGS_FILE)
    session = Reopened(partial(open_session, path, plan))
    outputs = session.now.get_outputs()[0].shape[-1]
    if outputs != len(labels):
        raise EngineFailed(f"{path.name} has {outputs} outputs, {TAGS_FILE} names {len(labels)}")
    return OnnxClassifier(card, session, held_mib_of(path, plan), partial(look, labels))


def read_labels(file: Path) -> list[Label]:
    """The model's outputs in order; underscores of booru names become spaces."""
    with file.open(newline="", encoding="utf-8-sig") as rows:
        return [Label(row["name"].replace("_", " "), row["category"]) for row in csv.DictReader(rows)]


def look(labels: list[Label], session: Any, pictures: list[Image.Image]) -> list[Seen]:
    """What a session with these outputs sees."""
    entrance = session.get_inputs()[0]
    side_px = int(entrance.shape[1])
    stacked = np.stack([_pixels(picture, side_px) for picture in pictures])
    (scores,) = session.run(None, {entrance.name: stacked})
    return [_seen(labels, row) for row in scores]


def _seen(labels: list[Label], scores: np.ndarray) -> Seen:
    rated = [(label, float(score)) for label, score in zip(labels, scores, strict=True)]
    ratings = {label.name: score for label, score in rated if label.category == RATING_CATEGORY}
    tags = tuple(
        Tag(name=label.name, score=score, category=CATEGORIES.get(label.category, "other"))
        for label, score in rated
        if label.category != RATING_CATEGORY
    )
    return Seen(tags=tags, nsfw=sum(ratings.get(name, 0.0) for name in NSFW_RATINGS), classes=ratings)


def _pixels(picture: Image.Image, side_px: int) -> np.ndarray:
    """(side, side, 3) fp32 levels 0..255, blue first: the whole picture on a white square."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), WHITE)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    small = square.resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(small, dtype=np.float32)[:, :, ::-1])


KIND = EngineKind(load=load)
