"""A WD tagger: its list of tags, and what its session is shown."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

from shared.errors import EngineFailed, ModelMissing
from shared.models.catalogue import ModelCard
from tests.unit.workers.engines.classifiers.looks import RATING, TAGS, Watch, fried_egg, work
from workers.engines.base import LoadPlan
from workers.engines.classifiers import wd_tagger
from workers.engines.classifiers.onnx_classifier import OnnxClassifier
from workers.engines.classifiers.onnx_session import Reopened


class PlayedSession:
    """onnxruntime's side of a WD tagger: remembers what it was shown."""

    def __init__(self, scores) -> None:
        self._scores = np.array(scores, dtype=np.float32)

    def get_inputs(self):
        return [type("Entrance", (), {"name": "input", "shape": ["batch", 64, 64, 3]})()]

    def run(self, names, feeds):
        self.shown = feeds["input"]
        return [np.repeat(self._scores[None], len(self.shown), axis=0)]


LABELS = "tag_id,name,category,count\n1,general,9,5\n2,explicit,9,5\n3,long_hair,0,5\n4,someone,4,5\n"


@pytest.fixture
def wd_card(catalogue) -> ModelCard:
    return catalogue.get("wd-vit-tagger-v3")


def test_a_wd_tagger_gives_tags_and_rating_in_one_pass(wd_card, tmp_path):
    (tmp_path / wd_tagger.TAGS_FILE).write_text(LABELS)
    session = PlayedSession([0.2, 0.8, 0.9, 0.4])
    labels = wd_tagger.read_labels(tmp_path / wd_tagger.TAGS_FILE)
    engine = OnnxClassifier(wd_card, Reopened(lambda threads: session), 1, partial(wd_tagger.look, labels))

    (outcome,) = engine.analyze([work(fried_egg(), TAGS, RATING)], Watch(), 1)

    tags, rating = (task.answer for task in outcome.tasks)
    assert [(tag.name, tag.category) for tag in tags.tags] == [("long hair", "general"), ("someone", "character")]
    assert (rating.nsfw, rating.is_nsfw) == (0.8, True)
    assert rating.scores == {"general": 0.2, "explicit": 0.8}


def test_a_wd_tagger_sees_the_whole_picture_on_white_blue_first(wd_card, tmp_path):
    (tmp_path / wd_tagger.TAGS_FILE).write_text(LABELS)
    session = PlayedSession([0.2, 0.8, 0.9, 0.4])
    labels = wd_tagger.read_labels(tmp_path / wd_tagger.TAGS_FILE)
    engine = OnnxClassifier(wd_card, Reopened(lambda threads: session), 1, partial(wd_tagger.look, labels))

    engine.analyze([work(Image.new("RGB", (100, 50), (250, 10, 20)), TAGS)], Watch(), 1)

    assert session.shown.shape == (1, 64, 64, 3)
    assert session.shown[0, 0, 0].tolist() == [255, 255, 255]
    assert session.shown[0, 32, 32].tolist() == [20, 10, 250]


def test_a_wd_tagger_without_its_tags_is_missing_and_a_broken_one_an_error(wd_card, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"not onnx")

    with pytest.raises(ModelMissing, match="selected_tags"):
        wd_tagger.load(wd_card, model, LoadPlan())
    (tmp_path / wd_tagger.TAGS_FILE).write_text(LABELS)
    with pytest.raises(EngineFailed, match=r"model\.onnx"):
        wd_tagger.load(wd_card, model, LoadPlan())
