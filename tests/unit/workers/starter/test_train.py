"""A stage that starts from exported weights begins as good as they are."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from workers.engines.moondream.model import Moondream
from workers.starter.evaluate import captions
from workers.starter.latents import load_cache
from workers.starter.loop import Budget
from workers.starter.marks import things_told
from workers.starter.paint import paint
from workers.starter.train import WEIGHTS, Start, encode_latents, export_moondream, moondream_run
from workers.starter.world import one_thing_scene


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_the_vision_model_tells_before_its_first_step_what_the_exported_one_tells(tmp_path: Path):
    run, trainee = moondream_run(tmp_path, Budget(steps=1), start=Start(WEIGHTS))
    export_moondream(run, trainee, tmp_path / "model")
    card = paint(one_thing_scene(0, "house", "red", size="big", ground="snow"))

    assert run.step == 0
    assert things_told(captions(Moondream.load(tmp_path / "model"), [card])[0]) == {("red", "house"): 1}


def test_the_exported_autoencoder_keeps_its_scale(tmp_path: Path):
    encode_latents(tmp_path, pictures=16, weights=WEIGHTS)
    kept, exported = (
        AutoencoderKL.from_pretrained(folder)
        for folder in (tmp_path / "latents" / "model", WEIGHTS / "sdxl-starter" / "vae")
    )

    assert torch.equal(kept.quant_conv.weight, exported.quant_conv.weight.to(kept.dtype))
    assert len(load_cache(tmp_path / "latents" / "cache.pt").mean) == 16
