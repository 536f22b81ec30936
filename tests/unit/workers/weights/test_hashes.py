"""A model's hash: by content, computed once, never by reading weights that were hashed before."""

import hashlib
import json
import os

import pytest

from workers.weights import hashes as weights_hash
from workers.weights.hashes import CACHE_NAME, keep_known, known_model_hash, model_hash


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    monkeypatch.setattr(weights_hash, "_seen", {})


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "model"
    (model / "tokenizer").mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    (model / "tokenizer" / "tokenizer.json").write_text("{}")
    (model / "README.md").write_text("about")
    return model


def test_a_single_file_has_the_hash_that_checkpoints_are_looked_up_by(tmp_path):
    file = tmp_path / "some.SafeTensors"
    file.write_bytes(b"weights")

    assert model_hash(file) == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer/tokenizer.json"])
def test_another_file_that_is_read_is_another_model(folder, name):
    before = model_hash(folder)
    (folder / name).write_bytes(b"other weights")

    assert model_hash(folder) != before


def test_what_is_not_read_changes_nothing(folder):
    before = model_hash(folder)
    (folder / "README.md").write_text("more about it")
    (folder / "darkroom-source.json").write_text("{}")

    assert model_hash(folder) == before


def test_a_renamed_file_is_another_model(folder):
    before = model_hash(folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")

    assert model_hash(folder) != before


def test_the_same_files_elsewhere_are_the_same_model(folder, tmp_path):
    before = model_hash(folder)
    folder.rename(tmp_path / "moved")

    assert model_hash(tmp_path / "moved") == before


def test_weights_are_read_once_also_by_the_next_process(folder, monkeypatch):
    first = model_hash(folder)
    monkeypatch.setattr(weights_hash, "_seen", {})
    monkeypatch.setattr(hashlib, "file_digest", None)

    assert model_hash(folder) == first
    assert known_model_hash(folder) == first


def test_a_hash_is_known_only_while_every_file_is_as_it_was(folder):
    assert known_model_hash(folder) == ""
    first = model_hash(folder)
    (folder / "model.safetensors").write_bytes(b"other weights")

    assert first
    assert known_model_hash(folder) == ""


def test_a_package_of_others_is_not_written_into_and_hashed_once_a_process(folder, monkeypatch):
    first = model_hash(folder, keep=False)
    monkeypatch.setattr(hashlib, "file_digest", None)

    assert model_hash(folder, keep=False) == first
    assert not (folder / CACHE_NAME).exists()


def test_a_folder_that_may_not_be_written_has_its_hash_all_the_same(folder, monkeypatch):
    monkeypatch.setattr(weights_hash.tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(PermissionError("no")))

    assert model_hash(folder)


def test_what_a_pull_has_summed_is_not_read_again(folder, monkeypatch):
    expected = model_hash(folder)
    os.unlink(folder / CACHE_NAME)
    monkeypatch.setattr(weights_hash, "_seen", {})
    names = ["model.safetensors", "tokenizer/tokenizer.json"]
    keep_known(folder, {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names})
    monkeypatch.setattr(hashlib, "file_digest", None)

    assert known_model_hash(folder) == expected


def test_a_broken_cache_is_made_anew(folder):
    expected = model_hash(folder)
    (folder / CACHE_NAME).write_text('{"model.safetensors": [1')

    assert model_hash(folder) == expected
    assert len(json.loads((folder / CACHE_NAME).read_text())) == 2


def test_where_nothing_is_there_is_no_hash(tmp_path):
    assert model_hash(tmp_path / "nothing") == ""
    assert known_model_hash(tmp_path / "nothing") == ""
