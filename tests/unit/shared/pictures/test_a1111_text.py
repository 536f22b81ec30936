"""The text that other programs read in our PNGs, read the way they read it."""

import io
import json
import re
import struct
import zlib

import pytest
from PIL import Image

from shared.pictures.a1111_text import a1111_parameters
from shared.pictures.pixels import to_png

PARAMS = {
    "prompt": "a red fox", "negative_prompt": "blurry", "width": 832, "height": 1216, "steps": 28, "guidance_scale": 7.0,
    "scheduler": "dpmpp_2m_karras", "schedule": "karras", "seed": 5, "n": 1,
}  # fmt: skip


def facts(text):
    """The last line as A1111's `parse_generation_parameters` takes it apart."""
    pairs = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', text.rsplit("\n", 1)[-1])
    return {name: json.loads(value) if value.startswith('"') else value for name, value in pairs}


def test_sampler_and_schedule_are_a1111s_two_words_and_the_noise_is_the_cpus():
    found = facts(a1111_parameters(PARAMS, seed=6, model="sdxl"))

    assert (found["Sampler"], found["Schedule type"], found["RNG"]) == ("DPM++ 2M", "Karras", "CPU")
    assert (found["Seed"], found["Size"], found["Steps"]) == ("6", "832x1216", "28")


@pytest.mark.parametrize(
    ("scheduler", "schedule", "sampler", "type_"),
    [
        ("euler_ancestral", "normal", "Euler a", "Normal"),
        ("euler_trailing", None, "Euler", "SGM Uniform"),
        ("dpmpp_2m_sde_karras", None, "DPM++ 2M SDE", "Karras"),
        ("dpmpp_3m_sde", "exponential", "DPM++ 3M SDE", "Exponential"),
        ("unipc", "align_your_steps", None, None),
    ],
)
def test_each_pair_has_a1111s_labels(scheduler, schedule, sampler, type_):
    params = PARAMS | {"scheduler": scheduler, "schedule": schedule}
    if sampler is None:
        with pytest.raises(ValueError, match="cannot follow"):
            a1111_parameters(params, seed=1, model="sdxl")
        return
    found = facts(a1111_parameters(params, seed=1, model="sdxl"))

    assert (found["Sampler"], found["Schedule type"]) == (sampler, type_)


def test_the_models_hash_stands_before_its_name_where_it_is_known():
    known = a1111_parameters(PARAMS, seed=1, model="sdxl", model_hash="31e35c80fc")

    assert "Model hash: 31e35c80fc, Model: sdxl" in known
    assert "Model hash" not in a1111_parameters(PARAMS, seed=1, model="sdxl")


def test_a_value_that_holds_a_comma_or_a_colon_is_quoted():
    assert facts(a1111_parameters(PARAMS, seed=1, model="a, b: c"))["Model"] == "a, b: c"


def chunks(png):
    """Every chunk's type and data, the checksums checked."""
    place, found = 8, []
    while place < len(png):
        (length,), kind = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        data, crc = png[place + 8 : place + 8 + length], png[place + 8 + length : place + 12 + length]
        assert struct.unpack(">I", crc)[0] == zlib.crc32(kind + data)
        found.append((kind.decode(), data))
        place += 12 + length
    return found


@pytest.mark.parametrize("prompt", ["a\0fox", "ünder 天 \0", "a\r\nfox\r", "half a pair \ud800", "\0", "x" * 4000])
def test_every_prompt_gives_valid_text_chunks(prompt):
    text = a1111_parameters(PARAMS | {"prompt": prompt}, seed=1, model="sdxl")
    png = to_png(Image.new("RGB", (8, 8)), parameters=text, record={"params": {"prompt": prompt}})
    kinds = {}
    for kind, data in chunks(png):
        if kind in ("tEXt", "iTXt"):
            keyword, _, rest = data.partition(b"\0")
            assert 1 <= len(keyword) <= 79
            kinds[keyword] = kind
            words = rest if kind == "tEXt" else rest[4:]  # compression flag and method, two empty texts
            assert b"\0" not in words
            words.decode("ascii" if kind == "tEXt" else "utf-8")

    assert kinds.keys() == {b"parameters", b"darkroom"}
    shown = Image.open(io.BytesIO(png)).text
    assert json.loads(shown["darkroom"])["params"]["prompt"] == prompt
    assert facts(shown["parameters"])["Sampler"] == "DPM++ 2M"
