"""Moondream, taggers and raters: whole, or refused in one sentence, before a library makes up what is missing."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification

from shared.errors import DarkroomError, EngineFailed, ModelMissing
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from tests.unit.workers.engines.inspections.conftest import Copy
from workers.engines.base import LoadPlan
from workers.engines.classifiers import efficientnet, hf_classifier, opennsfw, wd_tagger
from workers.engines.classifiers import inspection as classifiers
from workers.engines.inspections import INSPECTIONS, flaw_of
from workers.engines.moondream import engine as moondream_engine
from workers.engines.moondream import inspection as moondream_inspection

ROOT = Path(__file__).resolve().parents[5]
CATALOGUE = load_catalogue(Settings())
NOT_WEIGHTS = [(b"", "is empty"), (b"<html>", "is a web page"), (b"version https://git-lfs.github.com/", "LFS pointer")]


def refused(load, name: str, path: Path) -> str:
    card = CATALOGUE.get(name)
    with pytest.raises(DarkroomError) as caught:
        load(card, path, LoadPlan())
    assert str(path.parent) not in caught.value.message
    assert caught.value.code in ("engine_failed", "model_missing")
    return caught.value.message


def test_every_engine_of_the_catalogue_is_looked_at_and_what_is_shipped_is_whole():
    assert {card.engine for card in CATALOGUE.cards.values()} == INSPECTIONS.keys()
    assert {name: flaw for name, card in CATALOGUE.cards.items() if (flaw := flaw_of(CATALOGUE, card))} == {}


# -- Moondream -----------------------------------------------------------------------------------------------------------


def talker(copy: Copy) -> str:
    return refused(moondream_engine.load, "moondream-toy", copy.folder)


def test_the_toy_and_the_starter_are_whole(moondream_toy):
    moondream_inspection.inspect(moondream_toy)
    moondream_inspection.inspect(ROOT / "workers/starter/weights/moondream-starter")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_moondream_without_a_file_names_it(moondream, file):
    moondream.drop(file)

    assert f"{file} is missing" in talker(moondream)


@pytest.mark.parametrize(("data", "told"), NOT_WEIGHTS)
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_what_is_no_moondream_is_told_by_its_content(moondream, file, data, told):
    moondream.put(file, data)

    message = talker(moondream)

    assert file in message
    assert told in message


def test_a_moondream_with_another_models_words_is_refused(moondream):
    said = json.loads((moondream.folder / "tokenizer.json").read_text())
    said["model"]["vocab"]["one more"] = 276
    moondream.put("tokenizer.json", json.dumps(said).encode())

    assert "numbers its words up to 276, model.safetensors knows 276" in talker(moondream)


def test_a_moondream_without_its_special_words_is_refused(moondream):
    said = json.loads((moondream.folder / "tokenizer.json").read_text())
    said["model"]["vocab"] = {word: n for word, n in said["model"]["vocab"].items() if n != 5}
    said["added_tokens"] = [each for each in said["added_tokens"] if each["id"] != 5]
    moondream.put("tokenizer.json", json.dumps(said).encode())

    assert "lacks the special word number 5" in talker(moondream)


@pytest.mark.parametrize("mark", ["model.text.blocks.1.", "model.vision.blocks.0.", "model.region.coord_decoder"])
def test_a_moondream_without_a_block_names_it(moondream, mark):
    moondream.without("model.safetensors", mark)

    assert f"it lacks {mark.removeprefix('model.')}" in talker(moondream)


def test_a_moondream_of_another_size_is_refused(moondream):
    said = json.loads((moondream.folder / "config.json").read_text())
    said["darkroom"]["text"]["dim"] = 2048
    moondream.put("config.json", json.dumps(said).encode())

    assert "words of size (276, 64), config.json says (276, 2048)" in talker(moondream)


# -- transformers' classifiers -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vit(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "vit"
    labels = {0: "normal", 1: "nsfw"}
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = ViTConfig(**sizes, image_size=32, patch_size=16, num_labels=2, id2label=labels)
    ViTForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 32, "width": 32}}))
    return folder


@pytest.fixture
def rater(vit, tmp_path) -> Copy:
    return Copy(Path(shutil.copytree(vit, tmp_path / "rater", copy_function=os.link)))


def rating(copy: Copy) -> str:
    return refused(hf_classifier.load, "falconsai-nsfw", copy.folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_a_classifier_without_a_file_names_it(rater, file):
    rater.drop(file)

    assert f"{file} is missing" in rating(rater)


@pytest.mark.parametrize(("data", "told"), NOT_WEIGHTS)
def test_what_is_no_classifier_is_told_by_its_content(rater, data, told):
    rater.put("model.safetensors", data)

    assert told in rating(rater)


def test_a_classifier_without_its_head_is_never_given_a_random_one(rater):
    rater.without("model.safetensors", "classifier.")

    assert "has no classifier of 2 classes" in rating(rater)


def test_a_classifier_without_one_tensor_is_never_given_a_random_one(rater):
    key = next(key for key in load_file(rater.folder / "model.safetensors") if key.endswith("layernorm_after.bias"))
    rater.without("model.safetensors", key)

    assert "is not whole: it lacks" in rating(rater)


def test_a_classifier_of_more_classes_than_its_labels_is_refused(rater):
    rater.tensors("model.safetensors", lambda found: found | {"classifier.weight": torch.zeros(5, 16)})

    assert "has no classifier of 2 classes (found: classifier.weight (5, 16))" in rating(rater)


# -- ONNX, and what comes in wheels --------------------------------------------------------------------------------------


@pytest.fixture
def onnx(tmp_path) -> Path:
    card = CATALOGUE.get("opennsfw")
    return Path(shutil.copyfile(CATALOGUE.require(card) / classifiers.OPEN_NSFW, tmp_path / "model.onnx"))


def test_a_whole_onnx_model_passes(onnx):
    classifiers.inspect_onnx(onnx)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_an_onnx_model_that_is_cut_short_is_told(onnx, kept):
    data = onnx.read_bytes()
    onnx.write_bytes(data[: int(len(data) * kept)])

    with pytest.raises(EngineFailed, match=r"model\.onnx is cut short"):
        classifiers.inspect_onnx(onnx)


@pytest.mark.parametrize(
    ("data", "told"), [*NOT_WEIGHTS, (b"garbage" * 9, "is cut short"), (b"\x08\x07", "no ONNX model")]
)
def test_what_is_no_onnx_model_is_told(tmp_path, data, told):
    (tmp_path / "model.onnx").write_bytes(data)
    (tmp_path / "selected_tags.csv").write_text("tag_id,name,category,count\n")

    assert told in refused(wd_tagger.load, "wd-vit-tagger-v3", tmp_path / "model.onnx")


@pytest.mark.parametrize(("data", "told"), [*NOT_WEIGHTS, (b"a,b\n1,2\n", "has no columns name and category")])
def test_a_list_of_tags_that_is_none_is_told(onnx, data, told):
    (onnx.parent / "selected_tags.csv").write_bytes(data)

    assert told in refused(wd_tagger.load, "wd-vit-tagger-v3", onnx)


def test_a_wheel_without_its_weights_is_told(tmp_path):
    assert "is missing" in refused(efficientnet.load, "efficientnet-lite0", tmp_path)
    assert "cannot be loaded" in refused(opennsfw.load, "opennsfw", tmp_path)


# -- the doctor's look ---------------------------------------------------------------------------------------------------


def test_a_flaw_is_told_for_every_model_that_is_here(tmp_path, sdxl, moondream):
    sdxl.drop("tokenizer_2/tokenizer.json")
    moondream.put("model.safetensors", b"<html>")
    rows = CATALOGUE.get("sdxl-toy"), CATALOGUE.get("moondream-toy")
    for row, copy in zip(rows, (sdxl, moondream), strict=True):
        copy.folder.rename(tmp_path / row.id)
    catalogue = type(CATALOGUE)({row.id: row for row in rows}, tmp_path)

    assert "tokenizer_2/tokenizer.json is missing" in (flaw_of(catalogue, rows[0]) or "")
    assert "model.safetensors is a web page" in (flaw_of(catalogue, rows[1]) or "")


def test_a_model_that_is_not_here_has_no_flaw():
    assert flaw_of(type(CATALOGUE)(CATALOGUE.cards, Path("/nowhere")), CATALOGUE.get("sdxl-toy")) is None


def test_what_nobody_thought_of_is_a_flaw_and_no_failure(sdxl, tmp_path):
    sdxl.edit("unet/config.json", down_block_types=7)
    sdxl.folder.rename(tmp_path / "sdxl-toy")

    assert flaw_of(type(CATALOGUE)(CATALOGUE.cards, tmp_path), CATALOGUE.get("sdxl-toy")) is not None


def test_missing_and_damaged_are_told_apart(moondream):
    moondream.drop("tokenizer.json")
    with pytest.raises(ModelMissing):
        moondream_inspection.inspect(moondream.folder)
    save_file({"a": torch.zeros(1)}, moondream.folder / "other.safetensors")
    moondream.put("model.safetensors", (moondream.folder / "other.safetensors").read_bytes())
    with pytest.raises(EngineFailed, match="not a whole Moondream"):
        moondream_inspection.inspect(moondream.folder)
