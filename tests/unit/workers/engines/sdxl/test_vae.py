"""A VAE gets the precision it needs and gives it back."""

from typing import Any

import pytest
import torch
from PIL import Image

from tests.unit.workers.engines.parts import UNSLICED, Watch, levels_apart, rings, toy_card, work
from workers.engines.sdxl import files as sdxl_files
from workers.engines.sdxl.engine import SdxlEngine


def one(engine: SdxlEngine, *args: Any, **kwargs: Any) -> Image.Image:
    return engine.generate([work(*args, **kwargs)], Watch())[0][0]


@pytest.fixture
def half_engine(toy_folder) -> SdxlEngine:
    """In fp16 with a VAE that overflows in it, as SDXL's own does (slow on a CPU, hence tiny pictures)."""
    pipe = sdxl_files.read(toy_folder, torch.float16)
    pipe.vae.register_to_config(force_upcast=True)
    return SdxlEngine(toy_card(), pipe, UNSLICED)


@pytest.mark.parametrize("image", [None, rings(32, 32)])
def test_in_fp16_a_vae_that_needs_fp32_gets_it_as_in_diffusers_and_gives_it_back(half_engine, image):
    small = {"width": 32, "height": 32, "steps": 2}
    ours = one(half_engine, image, **small)

    pipe = half_engine._denoiser.img2img if image else half_engine._txt2img
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    start = {"image": image, "strength": 0.7} if image else {"width": 32, "height": 32}
    theirs = pipe(
        "a red fox",
        num_inference_steps=2,
        guidance_scale=5.0,
        generator=[torch.Generator("cpu").manual_seed(7)],
        **start,
    ).images[0]
    assert levels_apart(ours, theirs) == 0
    assert half_engine._txt2img.vae.dtype == torch.float16


def test_a_failed_decode_leaves_the_vae_in_its_own_precision(half_engine, monkeypatch):
    def broken(*args, **kwargs):
        raise ValueError("broken")

    monkeypatch.setattr(half_engine._txt2img.vae, "decode", broken)
    with pytest.raises(ValueError, match="broken"):
        one(half_engine, width=32, height=32, steps=1)

    assert half_engine._txt2img.vae.dtype == torch.float16
