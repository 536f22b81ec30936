"""A tokenizer belongs to its text encoder, or is refused with the numbers."""

import json
import re
from pathlib import Path

import pytest

from shared.errors import ModelMissing
from tests.unit.workers.engines.inspections.sdxl_refusal import refusal
from tests.unit.workers.engines.parts import UNSLICED, Watch, levels_apart, toy_card, work
from workers.engines.sdxl import engine


@pytest.mark.parametrize("tokenizer", ["tokenizer", "tokenizer_2"])
def test_a_folder_without_one_tokenizers_words_is_refused_by_the_files_name(sdxl, tokenizer):
    sdxl.drop(f"{tokenizer}/tokenizer.json")

    error = refusal(sdxl.folder)

    assert isinstance(error, ModelMissing)
    assert f"{tokenizer}/tokenizer.json is missing" in error.message


def test_old_vocabularies_are_read_and_must_come_with_their_merges(sdxl, sdxl_toy):
    known = json.loads((sdxl_toy / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
    sdxl.drop("tokenizer/tokenizer.json")
    sdxl.put("tokenizer/vocab.json", json.dumps(known).encode())

    assert "merges.txt" in refusal(sdxl.folder).message
    sdxl.put("tokenizer/merges.txt", b"#version: 0.2\n")

    whole, old = (engine.load(toy_card(), folder, UNSLICED) for folder in (sdxl_toy, sdxl.folder))
    pictures = [each.generate([work(width=32, height=32, steps=1)], Watch())[0][0] for each in (whole, old)]
    assert levels_apart(*pictures) == 0


def words(sdxl_toy: Path, change) -> bytes:
    said = json.loads((sdxl_toy / "tokenizer/tokenizer.json").read_text())
    change(said)
    return json.dumps(said).encode()


def no_words(said):
    said["model"]["vocab"] = {}


def one_word_less(said):
    del said["model"]["vocab"]["zz" if "zz" in said["model"]["vocab"] else "~</w>"]


def no_start(said):
    number = said["model"]["vocab"].pop("<|startoftext|>")
    said["model"]["vocab"]["start"] = number
    said["added_tokens"] = [each for each in said["added_tokens"] if each["content"] != "<|startoftext|>"]


def a_hole(said):
    said["model"]["vocab"]["a"] = said["model"]["vocab"]["b"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_words, "2 words, its text encoder knows 514"),
        (one_word_less, "513 words, its text encoder knows 514"),
        (no_start, r"lacks the special word <\|startoftext\|>"),
        (a_hole, "does not number its words"),
    ],
)
def test_another_models_words_are_refused_with_the_numbers(sdxl, sdxl_toy, change, told):
    sdxl.put("tokenizer/tokenizer.json", words(sdxl_toy, change))

    assert re.search(rf"tokenizer/tokenizer\.json .*{told}", refusal(sdxl.folder).message)


@pytest.mark.parametrize("length", [None, 20, 10**30])
def test_a_tokenizer_of_another_length_is_refused(sdxl, length):
    sdxl.edit("tokenizer_2/tokenizer_config.json", model_max_length=length)

    assert "its text encoder reads 77" in refusal(sdxl.folder).message
