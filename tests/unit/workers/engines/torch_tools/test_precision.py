"""In what a model really computes: fp16 where it was published so, and never a VAE in fp16."""

import pytest
import torch

from tests.unit.workers.engines.parts import Watch, rings, toy_card, work
from workers.engines.base import LoadPlan
from workers.engines.registry import load_libraries
from workers.engines.sdxl import vae_decoding
from workers.engines.sdxl.engine import load
from workers.engines.torch_tools import precision
from workers.engines.torch_tools.precision import diffusion_dtype_of, dtype_of, vae_dtype_of

#: A GPU without storage: loading works, computing gives shapes.
DEVICE = "meta"
FP32, FP16, BF16 = torch.float32, torch.float16, torch.bfloat16


@pytest.fixture(params=[True, False], ids=["ampere", "turing"])
def has_bf16(request, monkeypatch) -> bool:
    monkeypatch.setattr(precision, "_has_bf16", lambda: request.param)
    return request.param


@pytest.fixture
def ampere(monkeypatch) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda: True)


def test_a_cpu_computes_in_fp32_whatever_the_plan_says(has_bf16):
    for wanted in ("fp32", "bf16", "fp16", "nf4"):
        plan = LoadPlan("cpu", precision=wanted, vae_precision="bf16")

        assert {dtype_of(plan), diffusion_dtype_of(plan), vae_dtype_of(plan)} == {FP32}


@pytest.mark.parametrize("packed", ["fp16", "nf4"])
def test_sdxl_is_fp16_on_every_card(has_bf16, packed):
    assert diffusion_dtype_of(LoadPlan(DEVICE, precision=packed)) == FP16


def test_moondream_is_bf16_where_the_card_has_it(has_bf16):
    for wanted in ("bf16", "nf4"):
        assert dtype_of(LoadPlan(DEVICE, precision=wanted)) == (BF16 if has_bf16 else FP16)


def test_a_vae_is_in_fp32_unless_bf16_was_planned_and_is_there(has_bf16):
    assert vae_dtype_of(LoadPlan(DEVICE, precision="fp16")) == FP32
    assert vae_dtype_of(LoadPlan(DEVICE, precision="fp16", vae_precision="bf16")) == (BF16 if has_bf16 else FP32)


def test_a_plan_may_ask_for_more_than_fp16(ampere):
    """For pictures that overflow in it."""
    assert diffusion_dtype_of(LoadPlan(DEVICE, precision="bf16")) == BF16
    assert diffusion_dtype_of(LoadPlan(DEVICE, precision="fp32")) == FP32


@pytest.mark.parametrize(("vae", "dtype"), [("fp32", FP32), ("bf16", BF16)])
def test_the_parts_of_a_loaded_model_have_their_own_precisions(toy_folder, ampere, vae, dtype):
    pipe = load(toy_card(), toy_folder, LoadPlan(DEVICE, precision="fp16", vae_precision=vae))._txt2img

    assert (pipe.unet.dtype, pipe.text_encoder.dtype, pipe.text_encoder_2.dtype) == (FP16, FP16, FP16)
    assert pipe.vae.dtype == dtype
    assert {part.device.type for part in (pipe.unet, pipe.text_encoder, pipe.vae)} == {DEVICE}


@pytest.mark.parametrize("image", [None, rings(32, 32)], ids=["txt2img", "img2img"])
def test_no_job_casts_a_vae_that_is_exact_enough(toy_folder, monkeypatch, image):
    """diffusers would encode in fp32 and leave the VAE in the UNet's fp16."""
    monkeypatch.setattr("workers.engines.sdxl.engine.diffusion_dtype_of", lambda plan: FP16)
    monkeypatch.setattr("workers.engines.sdxl.engine.vae_dtype_of", lambda plan: BF16)
    engine = load(toy_card(), toy_folder, LoadPlan(vae_slicing=False))
    engine._txt2img.vae.register_to_config(force_upcast=True)
    seen = []
    engine._txt2img.vae.decoder.register_forward_pre_hook(lambda vae, given: seen.append(given[0].dtype))
    engine._txt2img.vae.encoder.register_forward_pre_hook(lambda vae, given: seen.append(given[0].dtype))

    [[picture]] = engine.generate([work(image, width=32, height=32, steps=2)], Watch())

    assert picture.size == (32, 32)
    assert set(seen) == {BF16}
    assert engine._txt2img.vae.dtype == BF16


def test_pictures_are_rounded_once_and_from_fp32(engine):
    """Levels around 200 lie closer together than neighbours in bf16: rounding there merges them."""

    class Vae:
        dtype, config = BF16, engine._txt2img.vae.config

        def decode(self, latents, return_dict):
            return (latents,)

    assert vae_decoding.decode(torch.zeros(1, 4, 8, 8, dtype=FP16), Vae()).dtype == FP32


def test_no_library_that_engines_load_lets_fp32_be_rounded_to_less():
    load_libraries()

    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.mkldnn.matmul.fp32_precision in ("none", "ieee")
    assert torch.backends.mkldnn.conv.fp32_precision in ("none", "ieee")
