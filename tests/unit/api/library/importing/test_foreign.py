"""What other programs wrote into their pictures becomes our fields; nothing in a file makes the reading fail."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from api.library.importing import comfyui, infotext
from api.library.importing.foreign import foreign_fields
from api.library.importing.texts import MOST_BYTES, texts_of
from shared.pictures.a1111_text import a1111_parameters
from shared.pictures.pixels import to_png

A1111 = """a cat, (masterpiece:1.2) <lora:ink:0.8>
on two lines
Negative prompt: blurry, Steps: many
ugly
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, Size: 832x1216, Model hash: 31e35c80fc, \
Model: sdxl/juggernautXL_v9.safetensors, Denoising strength: 0.4, Lora hashes: "ink: 0a1b2c, other: 3d", Version: v1.10.1"""
COMFY = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": ["12", 0],
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 1.0,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl/base.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.7, "model": ["4", 0]},
    },
    "11": {"class_type": "PrimitiveString", "inputs": {"value": "a bottle with a galaxy"}},
    "12": {"class_type": "SeedNode", "inputs": {"seed": 42}},
}
INVOKE = {
    "positive_prompt": "a lighthouse",
    "negative_prompt": "",
    "width": 1024,
    "height": 1024,
    "seed": 77,
    "steps": 30,
    "cfg_scale": 7.5,
    "scheduler": "dpmpp_2m_k",
    "model": {"name": "dreamshaper-xl", "base": "sdxl", "hash": "blake3:ab"},
    "loras": [{"model": {"name": "ink"}, "weight": 0.5}],
}
OLD_INVOKE = {
    "model_weights": "sd-1.5",
    "image": {
        "prompt": [{"prompt": "a hill", "weight": 1.0}],
        "seed": 5,
        "steps": 50,
        "sampler": "k_lms",
        "cfg_scale": 7,
    },
}


def png(**texts: str) -> bytes:
    info, out = PngInfo(), io.BytesIO()
    for keyword, text in texts.items():
        info.add_itxt(keyword.replace("_metadata", "_metadata").replace("sd_metadata", "sd-metadata"), text, zip=True)
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def test_an_infotext_is_read():
    found = foreign_fields(png(parameters=A1111))

    assert found.program == "a1111"
    assert found.text == A1111
    assert found.fields == {
        "prompt": "a cat, (masterpiece:1.2) \non two lines",
        "negative_prompt": "blurry, Steps: many\nugly",
        "steps": 28,
        "guidance_scale": 6.5,
        "seed": 1234567890,
        "width": 832,
        "height": 1216,
        "model": "juggernautXL_v9",
        "model_hash": "31e35c80fc",
        "strength": 0.4,
        "loras": [{"name": "ink", "weight": 0.8}],
        "scheduler": "dpmpp_2m",
        "schedule": "karras",
    }


def test_a_sampler_that_nobody_here_knows_keeps_its_name():
    assert infotext.read("x\nSteps: 1, Sampler: Restart, Seed: 1")["scheduler"] == "Restart"  # type: ignore[index]


def test_our_own_infotext_comes_back_as_it_went():
    params = {
        "prompt": "a house, with: colons\nand lines",
        "negative_prompt": "fog",
        "steps": 12,
        "scheduler": "euler_ancestral",
        "schedule": "karras",
        "guidance_scale": 4.5,
        "width": 64,
        "height": 128,
        "strength": 0.5,
    }

    found = infotext.read(a1111_parameters(params, seed=9, model="starter, small", model_hash="0" * 64))

    assert found == {**params, "seed": 9, "model": "starter, small", "model_hash": "0" * 10}


def test_our_own_pictures_tell_their_job():
    params = {
        "prompt": "a tree",
        "steps": 4,
        "scheduler": "euler",
        "seed": 3,
        "width": 8,
        "height": 8,
        "guidance_scale": 2.0,
    }
    told = {"job": "job_0123456789abcdef01234567", "model": "sdxl-starter", "seed": 3, "params": params}

    found = foreign_fields(to_png(Image.new("RGB", (8, 8)), record=told))

    assert found.program == "darkroom"
    assert found.fields == {**params, "schedule": "normal", "model": "sdxl-starter", "job": told["job"]}


def test_a_graph_is_followed_from_its_saved_picture():
    found = foreign_fields(png(prompt=json.dumps(COMFY), workflow="{}"))

    assert found.program == "comfyui"
    assert found.fields == {
        "prompt": "a bottle with a galaxy",
        "negative_prompt": "text, watermark",
        "steps": 20,
        "guidance_scale": 8.0,
        "seed": 42,
        "width": 1024,
        "height": 768,
        "model": "base",
        "loras": [{"name": "ink", "weight": 0.7}],
        "scheduler": "dpmpp_2m",
        "schedule": "karras",
    }


def test_a_graph_that_runs_in_a_circle_ends():
    circle = {"1": {"class_type": "KSampler", "inputs": {"seed": 1, "latent_image": ["2", 0], "positive": ["2", 0]}}}
    circle["2"] = {"class_type": "Own", "inputs": {"back": ["1", 0]}}

    assert comfyui.read(circle) == {"seed": 1}


def test_invokeais_record_is_read():
    found = foreign_fields(png(invokeai_metadata=json.dumps(INVOKE)))

    assert found.program == "invokeai"
    assert found.fields["prompt"] == "a lighthouse"
    assert found.fields["model"] == "dreamshaper-xl"
    assert (found.fields["scheduler"], found.fields["schedule"]) == ("dpmpp_2m", "karras")
    assert found.fields["loras"] == [{"name": "ink", "weight": 0.5}]


def test_invokeais_old_record_is_read():
    fields = foreign_fields(png(sd_metadata=json.dumps(OLD_INVOKE))).fields

    assert fields["prompt"] == "a hill"
    assert fields["scheduler"] == "lms"
    assert fields["model"] == "sd-1.5"


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_jpegs_comment_is_read(encoding):
    exif, out = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode(encoding)
    Image.new("RGB", (4, 4)).save(out, "JPEG", exif=exif)

    assert foreign_fields(out.getvalue()).fields["seed"] == 1234567890


@pytest.mark.parametrize(
    "value",
    [
        "[" * 5000 + "]" * 5000,
        '{"a": ' * 5000,
        "null",
        "[]",
        '{"image": 5, "positive_prompt": {"x": []}, "seed": 1e999, "loras": {"a": 1}, "model": 7}',
        '{"1": {"inputs": {"seed": NaN, "latent_image": 3, "steps": -1, "cfg": "x", "positive": ["1", 0]}}}',
        '{"params": {"prompt": 7, "seed": 1e400, "steps": true, "scheduler": ["x"], "width": 1.5}}',
    ],
)
@pytest.mark.parametrize("keyword", ["prompt", "invokeai_metadata", "sd_metadata", "darkroom", "parameters"])
def test_nonsense_is_no_metadata_and_no_fault(keyword, value):
    fields = foreign_fields(png(**{keyword: value})).fields

    assert set(fields) <= {"seed", "prompt"}


def test_texts_beyond_the_limit_are_left_out():
    assert "bomb" not in texts_of(png(bomb="x" * (MOST_BYTES + 1), parameters="y"))
    assert texts_of(png(bomb="x" * (MOST_BYTES + 1), parameters="y"))["parameters"] == "y"


def test_a_prompt_has_no_nul_and_no_half_characters():
    assert infotext.read("a\x00b\ud800c\nSteps: 2") == {"prompt": "abc", "steps": 2}


@settings(max_examples=300, deadline=None)
@given(st.text(), st.text())
def test_no_infotext_fails(before, after):
    infotext.read(f"{before}\nSteps: 3, {after}")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_fail(data):
    foreign_fields(data)
    foreign_fields(b"\x89PNG\r\n\x1a\n" + data)
