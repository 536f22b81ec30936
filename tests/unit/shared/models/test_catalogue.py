"""A person's models file: read as editors write it, and what is wrong in it is one sentence."""

import pytest

from shared.errors import InvalidRequest
from shared.models.catalogue import load_catalogue
from shared.settings import Settings

GOOD = """
[models.mine]
kind = "generate"
engine = "sdxl"
title = "Mine"
summary = "Mine"
licence = "MIT"
source = { builtin = "toy" }
defaults = { scheduler = "Euler a Karras" }
limits = {}
vram = { weights_mib = 1, peak_mib = 2 }
"""


def load(tmp_path, data):
    file = tmp_path / "models.toml"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_catalogue(Settings(models_file=file))


@pytest.mark.parametrize(
    "data", [GOOD.encode(), GOOD.encode("utf-8-sig"), GOOD.replace("\n", "\r\n").encode("utf-8-sig")]
)
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path, data):
    assert load(tmp_path, data).get("mine").defaults.scheduler == "euler_ancestral_karras"


WRONG = {
    "no TOML": ("[models", "not TOML"),
    "no UTF-8": (GOOD.encode("utf-16"), "not UTF-8: byte 0 is 0xff"),
    "no models": ("x = 1", "has no table"),
    "models that are no tables": ("models = 5", "has no table"),
    "a list of models": ("[[models]]\nid = 1", "has no table"),
    "a model that is no table": ("[models]\nx = 5", "model x: a table is wanted"),
    "something missing": ("[models.x]", "model x: kind is missing (and 6 more)"),
    "a wrong type": (GOOD.replace("weights_mib = 1", 'weights_mib = "a lot"'), "model mine: vram.weights_mib: "),
    "an unknown field": (GOOD + "colour = 3", "model mine: colour: Extra inputs are not permitted, got 3"),
    "an unknown sampler": (GOOD.replace("Euler a Karras", "eulr"), "did you mean euler?"),
    "a pair there is not": (GOOD.replace("Euler a Karras", "DDIM Karras"), "ddim cannot follow schedule karras"),
    "a wrong id": (GOOD.replace("models.mine", 'models."My Model"'), "model My Model: id: "),
    "two sources": (GOOD.replace('builtin = "toy"', 'builtin = "toy", repo = "a/b"'), "give exactly one of builtin"),
    "no limits": (GOOD.replace("limits = {}", ""), "a generating model needs defaults and limits"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence_with_file_model_and_field(tmp_path, name):
    data, words = WRONG[name]

    with pytest.raises(InvalidRequest) as caught:
        load(tmp_path, data)

    message = caught.value.message
    assert message.startswith(f"{tmp_path / 'models.toml'}: ")
    assert words in message
    assert "\n" not in message.removesuffix("\n")
    assert "pydantic" not in message


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InvalidRequest, match=r"nowhere\.toml: cannot be read: No such file"):
        load_catalogue(Settings(models_file=tmp_path / "nowhere.toml"))
