"""Taggers and raters: real small models, real preprocessing, one look per picture."""

import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from transformers import ViTConfig, ViTForImageClassification

from shared.contracts.vision import CaptionTask, RatingTask, Tag, TagsTask
from shared.errors import EngineFailed, ModelMissing, NotFinite
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from workers.engines.base import AnalyzeWork, LoadPlan, Paced, Threaded, rounded
from workers.engines.classifiers import efficientnet, hf_classifier, opennsfw, wd_tagger
from workers.engines.classifiers.classifying import Seen, answer, classify
from workers.engines.classifiers.onnx_classifier import OnnxClassifier
from workers.engines.classifiers.onnx_session import Reopened, open_session

RATING, TAGS = RatingTask(task="rating"), TagsTask(task="tags", min_score=0.0, max_tags=5)


class Watch:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def step(self, step, steps, previews=None) -> None:
        self.steps.append((step, steps))

    def degrade(self, what) -> None:
        raise AssertionError(what)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return load_catalogue(Settings(data_dir=tmp_path_factory.mktemp("data")))


def work(picture: Image.Image, *tasks, name: str = "a") -> AnalyzeWork:
    return AnalyzeWork(picture, name, tasks)


def fried_egg() -> Image.Image:
    """Not a photograph, but round and orange on a plate."""
    picture = Image.new("RGB", (300, 240), (90, 60, 40))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((50, 20, 250, 220), fill=(240, 240, 235))
    draw.ellipse((105, 75, 195, 165), fill=(245, 160, 20))
    return picture


def test_every_picture_is_looked_at_once_whatever_is_asked_and_by_how_many():
    looks: list[int] = []

    def look(pictures):
        looks.append(len(pictures))
        return [Seen(tags=(Tag(name="x", score=0.5),), nsfw=0.7, classes={"nsfw": 0.7}) for _ in pictures]

    watch, picture = Watch(), fried_egg()
    works = [work(picture, TAGS, RATING, name=name) for name in ("a", "b", "a", "c")]

    outcomes = classify(look, works, watch, at_once=2)

    assert looks == [2, 1]
    assert watch.steps == [(2, 3), (3, 3)]
    assert [[type(task.answer).__name__ for task in one.tasks] for one in outcomes] == [
        ["TagsAnswer", "RatingAnswer"]
    ] * 4


def test_tags_come_best_first_from_their_least_score_on():
    seen = Seen(tags=tuple(Tag(name=str(score), score=score) for score in (0.1, 0.9, 0.3, 0.5)))

    found = answer(TagsTask(task="tags", min_score=0.3, max_tags=2), seen)

    assert [tag.score for tag in found.tags] == [0.9, 0.5]


def test_a_rating_counts_as_not_safe_from_its_threshold_on():
    verdicts = [answer(RatingTask(task="rating", threshold=t), Seen(nsfw=0.6)).is_nsfw for t in (0.5, 0.6, 0.61)]

    assert verdicts == [True, True, False]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_no_answer_and_spoils_no_other_picture(number):
    fine = Seen(tags=(Tag(name="x", score=0.5),), nsfw=0.7, classes={"nsfw": 0.7})
    bad = Seen(tags=(Tag(name="x", score=0.5), Tag(name="y", score=number)), nsfw=number, classes={"nsfw": number})
    works = [work(fried_egg(), TAGS, RATING, name=name) for name in ("fine", "bad")]

    outcomes = classify(lambda pictures: [fine, bad], works, Watch(), at_once=2)

    assert [[task.error is None for task in one.tasks] for one in outcomes] == [[True, True], [False, False]]
    assert all("not finite" in task.error.message for task in outcomes[1].tasks)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_rounded_to_one(number):
    with pytest.raises(NotFinite):
        rounded(number)


def test_a_classifier_has_no_words():
    with pytest.raises(EngineFailed, match="caption"):
        answer(CaptionTask(task="caption"), Seen())


def test_efficientnet_names_what_it_was_trained_on(catalogue):
    card = catalogue.get("efficientnet-lite0")
    engine = efficientnet.load(card, catalogue.require(card), LoadPlan())

    (outcome,) = engine.analyze([work(fried_egg(), TAGS)], Watch(), 4)

    tags = outcome.tasks[0].answer.tags
    assert len(tags) == 5
    assert all(0 <= tag.score <= 1 for tag in tags)
    assert {tag.name for tag in tags} <= set(efficientnet.names())
    assert engine.held_mib() == 18
    assert len(efficientnet.names()) == 1000


def test_a_batch_of_pictures_is_tagged_as_each_alone(catalogue):
    card = catalogue.get("efficientnet-lite0")
    engine = efficientnet.load(card, catalogue.require(card), LoadPlan())
    pictures = [fried_egg(), fried_egg().rotate(90), Image.new("RGB", (9, 400), (20, 200, 30))]
    works = [work(picture, TAGS, name=str(i)) for i, picture in enumerate(pictures)]

    together = engine.analyze(works, Watch(), 3)
    alone = [engine.analyze([each], Watch(), 1)[0] for each in works]

    for one, other in zip(together, alone, strict=True):
        first, second = one.tasks[0].answer.tags, other.tasks[0].answer.tags
        assert first[0].name == second[0].name
        assert first[0].score == pytest.approx(second[0].score, abs=1e-4)


def test_open_nsfw_finds_nothing_in_a_fried_egg(catalogue):
    card = catalogue.get("opennsfw")
    engine = opennsfw.load(card, catalogue.require(card), LoadPlan())

    (outcome,) = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)

    rating = outcome.tasks[0].answer
    assert rating.nsfw < 0.2
    assert not rating.is_nsfw
    assert rating.scores["sfw"] + rating.scores["nsfw"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("module", [efficientnet, opennsfw])
def test_a_classifiers_pace_can_be_measured(catalogue, module):
    card = catalogue.get({efficientnet: "efficientnet-lite0", opennsfw: "opennsfw"}[module])
    engine = module.load(card, catalogue.require(card), LoadPlan())
    assert isinstance(engine, Paced)

    engine.smallest_call()

    assert len(engine.analyze([work(fried_egg(), RATING)], Watch(), 1)) == 1


def test_onnxruntime_gets_the_threads_it_is_told_by_opening_the_model_anew(catalogue):
    card = catalogue.get("opennsfw")
    engine = opennsfw.load(card, catalogue.require(card), LoadPlan())
    assert isinstance(engine, Threaded)

    def threads() -> int:
        return engine._opened.now._session.get_session_options().intra_op_num_threads

    before = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)[0].tasks[0].answer.nsfw
    engine.set_threads(2)
    two = engine._opened.now
    engine.set_threads(2)

    assert engine._opened.now is two
    assert threads() == 2
    after = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)[0].tasks[0].answer.nsfw
    assert after == pytest.approx(before, abs=1e-5)


def test_a_session_has_no_threads_but_its_own_and_none_that_spin(catalogue):
    card = catalogue.get("opennsfw")

    options = open_session(catalogue.require(card) / opennsfw.WEIGHTS, LoadPlan(), 2).get_session_options()

    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_damaged_weights_are_an_error_of_ours(catalogue, tmp_path):
    (tmp_path / opennsfw.WEIGHTS).write_bytes(b"not onnx")
    (tmp_path / "models").mkdir()
    (tmp_path / efficientnet.EFFICIENTNET).write_bytes(b"not torch")

    with pytest.raises(EngineFailed, match="sha256"):
        opennsfw.load(catalogue.get("opennsfw"), tmp_path, LoadPlan())
    with pytest.raises(EngineFailed, match="efficientnet"):
        efficientnet.load(catalogue.get("efficientnet-lite0"), tmp_path, LoadPlan())


# -- models of racks, at toy size ----------------------------------------------------------------------------------------


def hf_folder(path, labels: dict[int, str], **size):
    """A ViT of the published layout, tiny, with random weights."""
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=16,
        num_labels=len(labels),
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    ViTForImageClassification(config).save_pretrained(path)
    said = {"size": size or {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    (path / hf_classifier.PREPROCESSING).write_text(json.dumps(said))
    return path


def test_a_transformers_classifier_rates_by_the_class_that_is_called_so(catalogue, tmp_path):
    card = catalogue.get("falconsai-nsfw")
    engine = hf_classifier.load(card, hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan())
    reference = ViTForImageClassification.from_pretrained(tmp_path).eval()
    pixels = np.asarray(fried_egg().resize((32, 32), Image.Resampling.BILINEAR), dtype=np.float32) / 127.5 - 1

    (outcome,) = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)

    logits = reference(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())).logits
    assert outcome.tasks[0].answer.nsfw == pytest.approx(logits.softmax(-1)[0, 1].item(), abs=1e-4)


def test_a_classifier_without_such_a_class_rates_nothing(catalogue, tmp_path):
    with pytest.raises(EngineFailed, match="cat, dog"):
        hf_classifier.load(catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "cat", 1: "dog"}), LoadPlan())


def test_a_classifier_with_a_nan_rates_nothing(catalogue, tmp_path):
    engine = hf_classifier.load(
        catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan()
    )
    engine._network.classifier.bias[0] = math.nan

    (outcome,) = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)

    assert outcome.tasks[0].error.code == "engine_failed"
    assert "not finite" in outcome.tasks[0].error.message


def test_in_fp16_a_score_that_is_no_number_asks_for_a_wider_range(catalogue, tmp_path):
    engine = hf_classifier.load(
        catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan()
    )
    engine._network = engine._network.half()
    engine._network.classifier.bias[0] = math.inf

    with pytest.raises(NotFinite, match="float16"):
        engine.analyze([work(fried_egg(), RATING)], Watch(), 1)


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
