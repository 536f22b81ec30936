"""Weights that are stored in eight bits: half of half the memory, and the picture it was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import workers.starter
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from tests.bench.card.placements import psnr_db
from tests.unit.workers.engines.parts import Watch, levels_apart, rings, toy_card, work
from tests.unit.workers.engines.torch_tools.test_levers import predicted
from workers.engines.base import LoadPlan
from workers.engines.sdxl import eight_bits, files
from workers.engines.sdxl.engine import load
from workers.engines.torch_tools.host_copy import off_gpu, onto_gpu
from workers.engines.torch_tools.precision import quantise_nf4

STARTER = Path(workers.starter.__file__).with_name("weights") / "sdxl-starter"
PROMPT = "a big red house in the middle, on the snow at dusk"


@pytest.fixture
def unet(toy_folder):
    return files.read(toy_folder, {"default": torch.float32}).unet


def test_weights_take_a_byte_each_and_norms_stay(unet):
    numbers = sum(weight.numel() for weight in unet.parameters())
    norms = sum(weight.numel() for name, weight in unet.named_parameters() if "norm" in name)

    eight_bits.store(unet, torch.float32)

    assert sum(weight.nbytes for weight in unet.parameters()) == (numbers - norms) + 4 * norms
    assert unet.dtype == torch.float32  # what it computes in, which is what others ask for


def test_what_it_predicts_is_nearer_than_in_four_bits(unet, toy_folder):
    truth = predicted(unet)
    packed = files.read(toy_folder, {"default": torch.float32}).unet
    quantise_nf4(packed, compute_dtype=torch.float32)

    eight_bits.store(unet, torch.float32)

    apart = [float((predicted(each) - truth).norm() / truth.norm()) for each in (unet, packed)]
    assert 0 < apart[0] < apart[1] < 1


def test_widening_and_narrowing_a_thousand_times_loses_nothing(unet):
    eight_bits.store(unet, torch.float32)
    before = [weight.clone().view(torch.uint8) for weight in unet.parameters() if weight.dtype == eight_bits.STORED]
    first = predicted(unet)

    assert torch.equal(predicted(unet), first)
    after = [weight.view(torch.uint8) for weight in unet.parameters() if weight.dtype == eight_bits.STORED]
    assert all(map(torch.equal, before, after))


def painted(precision: str, image=None):
    """By the trained starter: random weights turn any rounding into another picture."""
    card = load_catalogue(Settings()).get("sdxl-starter")
    engine = load(card, STARTER, LoadPlan(precision=precision, vae_slicing=False))
    asked = work(image, width=card.defaults.width, height=card.defaults.height, prompt=PROMPT, steps=6)
    return engine, asked, engine.generate([asked], Watch())[0][0]


@pytest.mark.parametrize("image", [None, rings(128, 128)], ids=["txt2img", "img2img"])
def test_a_trained_models_picture_is_the_same_to_the_eye_and_nearer_than_in_four_bits(image):
    """Measured over three seeds from words: 44 dB in eight bits, 29 dB in four."""
    (_, _, truth), (engine, asked, ours), (_, _, packed) = (painted(each, image) for each in ("fp32", "fp8", "nf4"))

    assert psnr_db(ours, truth) > 33
    assert psnr_db(ours, truth) > psnr_db(packed, truth) + 6
    [[in_company], _] = engine.generate(
        [asked, replace(asked, params=asked.params.model_copy(update={"seed": 9}))], Watch()
    )
    assert levels_apart(ours, in_company) <= 3


def test_it_leaves_the_card_and_comes_back_as_it_was(unet):
    """On a GPU without storage: what lies in host memory is what comes back."""
    eight_bits.store(unet, torch.float32)
    before = [weight.clone().view(torch.uint8) for weight in unet.parameters() if weight.dtype == eight_bits.STORED]

    off_gpu(unet)
    onto_gpu(unet, "cpu")

    after = [weight.view(torch.uint8) for weight in unet.parameters() if weight.dtype == eight_bits.STORED]
    assert all(map(torch.equal, before, after))


def test_a_model_in_eight_bits_weighs_what_lies_there(toy_folder, engine):
    stored = load(toy_card(), toy_folder, LoadPlan("meta", precision="fp8"))
    whole = load(toy_card(), toy_folder, LoadPlan("meta", precision="fp16"))

    assert stored.held_mib() < whole.held_mib() < engine.held_mib()
    assert {part.dtype for part in stored._txt2img.unet.parameters()} == {eight_bits.STORED, torch.float16}
