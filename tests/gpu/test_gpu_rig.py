"""The rig of the GPU tests works, here with toys on a CPU; and its full-size models have the published sizes."""

import pytest
import torch

from tests.bench.sdxl_sizes import UNET, VAE
from tests.gpu import full_size
from tests.gpu.gpu_rig import CardRig
from workers.engines.moondream import engine as moondream_engine
from workers.engines.moondream.config import MOONDREAM_2B
from workers.engines.moondream.network import Network
from workers.engines.sdxl import toy


@pytest.fixture
def rig(tmp_path):
    torch.set_num_threads(1)
    toy.build(tmp_path / "sdxl-toy")
    moondream_engine.build(tmp_path / "moondream-toy")
    names = ("sdxl-toy", "moondream-toy")
    made = CardRig({name: tmp_path / name for name in names}, 4096, device="cpu", host_mib=100)
    yield made
    made.close()


def test_it_paints_and_talks_through_plans_residency_and_ladder(rig):
    [picture] = rig.generate("sdxl-toy", steps=2, side_px=64)
    words = rig.caption("moondream-toy", picture_px=64, max_tokens=4)

    assert picture.size == (64, 64)
    assert words
    assert {resident.model for resident in rig.residency.residents()} == {"sdxl-toy", "moondream-toy"}
    assert rig.bring("sdxl-toy") < 60


def test_the_full_size_models_have_the_published_number_of_parameters():
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    with torch.device("meta"):
        sdxl = [
            UNet2DConditionModel(**UNET),
            AutoencoderKL(**VAE),
            CLIPTextModel(full_size._text_config(full_size.TEXT_ENCODER)),
            CLIPTextModelWithProjection(full_size._text_config(full_size.TEXT_ENCODER_2)),
        ]
        talker = Network(MOONDREAM_2B)

    assert full_size.parameters_m(*sdxl) == pytest.approx(full_size.SDXL_PARAMETERS_M, rel=0.005)
    assert full_size.parameters_m(talker) == pytest.approx(full_size.MOONDREAM_PARAMETERS_M, rel=0.005)


def test_weights_are_made_without_the_librarys_own_filling():
    made = full_size.made(lambda: torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.LayerNorm(8)), "cpu", 0)

    assert made[0].weight.dtype == torch.float16
    assert 0.05 < float(made[0].weight.std()) < 0.25
    assert (float(made[0].bias.abs().sum()), float(made[1].weight.min())) == (0.0, 1.0)
