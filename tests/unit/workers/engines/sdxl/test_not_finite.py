"""A picture that is no picture is never stored: what is not finite fails, in fp16 after a wider try."""

import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.errors import NotFinite
from tests.unit.workers.engines.parts import UNSLICED, Watch, levels_apart, rings, toy_card, work
from workers.engines.sdxl import denoising
from workers.engines.sdxl import engine as sdxl
from workers.engines.sdxl import files as sdxl_files

SMALL = {"width": 32, "height": 32, "steps": 2}


def damaged(toy_folder, target, part, name):
    """The toy with one NaN among its weights."""
    shutil.copytree(toy_folder, target)
    [file] = (target / part).glob("*.safetensors")
    tensors = load_file(file)
    tensors[name].view(-1)[0] = math.nan
    save_file(tensors, file, metadata={"format": "pt"})
    return sdxl.load(toy_card(), target, UNSLICED)


@pytest.mark.parametrize(
    ("part", "name", "what"),
    [
        ("unet", "conv_out.bias", "latents"),
        ("vae", "decoder.conv_out.bias", "pixels"),
        ("text_encoder", "encoder.layers.0.mlp.fc1.bias", "latents"),
    ],
)
def test_a_checkpoint_with_one_nan_makes_no_black_picture(toy_folder, tmp_path, part, name, what):
    engine = damaged(toy_folder, tmp_path / "toy", part, name)
    watch = Watch()

    with pytest.raises(NotFinite, match=rf"the {what} of seed 7, seed 8 are not finite"):
        engine.generate([work(n=2, **SMALL)], watch)

    assert watch.degradations == []  # fp32 has no wider range


def test_a_starting_picture_that_the_vae_cannot_read_makes_no_black_picture(toy_folder, tmp_path):
    engine = damaged(toy_folder, tmp_path / "toy", "vae", "encoder.conv_in.bias")

    with pytest.raises(NotFinite, match="latents"):
        engine.generate([work(rings(), **SMALL)], Watch())


def test_only_the_pictures_that_are_not_finite_are_named(engine, monkeypatch):
    begin = denoising.begin

    def broken(pipe, params, seed, *others):
        sample = begin(pipe, params, seed, *others)
        if seed == 8:
            sample.latents[:] = math.nan
        return sample

    monkeypatch.setattr(denoising, "begin", broken)

    with pytest.raises(NotFinite, match="of seed 8 are not finite"):
        engine.generate([work(n=3, **SMALL)], Watch())


def test_after_a_picture_that_was_none_the_next_one_is_right(engine, monkeypatch):
    before = engine.generate([work(**SMALL)], Watch())
    with monkeypatch.context() as patch:
        patch.setattr(engine._txt2img.vae, "decode", lambda *args, **how: (torch.full((1, 3, 32, 32), math.nan),))
        with pytest.raises(NotFinite):
            engine.generate([work(**SMALL)], Watch())

    assert levels_apart(engine.generate([work(**SMALL)], Watch())[0][0], before[0][0]) == 0


@pytest.fixture
def overflowing(toy_folder) -> sdxl.SdxlEngine:
    """In fp16, with a VAE that overflows in it although its configuration does not say so.

    What its first convolutions give is 30,000 times too large: the norm behind them takes that back in fp32.
    """
    pipe = sdxl_files.read(toy_folder, torch.float16)
    for coder in (pipe.vae.decoder, pipe.vae.encoder):
        coder.conv_in.weight.data *= 30_000.0
    return sdxl.SdxlEngine(toy_card(), pipe, UNSLICED)


@pytest.mark.parametrize("image", [None, rings(32, 32)])
def test_a_vae_that_overflows_in_fp16_goes_on_in_fp32_and_the_record_says_so(overflowing, image):
    first, second = Watch(), Watch()

    [[picture]] = overflowing.generate([work(image, **SMALL)], first)
    overflowing.generate([work(image, **SMALL)], second)

    assert first.degradations == second.degradations == ["upcast"]
    assert picture.getextrema() != ((0, 0), (0, 0), (0, 0))
    assert overflowing._txt2img.vae.dtype == torch.float16  # it is given back as the plan wants it
