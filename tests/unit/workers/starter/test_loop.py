"""The training loop: a run that was cut off is the run that was not."""

import json
from pathlib import Path

import pytest
import torch

from workers.starter.latents import LatentCache, encode_scenes, fold_scale, scaled
from workers.starter.loop import Budget, Run, Schedule, Trainee
from workers.starter.moondream import MoondreamTrainee
from workers.starter.pictures import batch_of, scenes_of_step
from workers.starter.sdxl import SdxlTrainee
from workers.starter.vae import VaeTrainee, new_vae


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def sdxl_trainee() -> Trainee:
    numbers = torch.Generator().manual_seed(0)
    latents = torch.randn(128, 4, 16, 16, generator=numbers)
    return SdxlTrainee(LatentCache(latents.half(), torch.full_like(latents, 0.1).half()), new_vae())


@pytest.mark.parametrize("make", [VaeTrainee, sdxl_trainee, MoondreamTrainee])
def test_a_run_cut_off_after_two_steps_goes_on_exactly(make, tmp_path: Path):
    torch.manual_seed(0)
    whole = Run(make(), tmp_path / "whole", Budget(steps=3))
    whole.train()
    torch.manual_seed(0)
    cut = Run(make(), tmp_path / "cut", Budget(steps=3))
    cut._one_step()
    cut._one_step()
    cut.save()
    resumed_trainee = make()
    resumed = Run(resumed_trainee, tmp_path / "cut", Budget(steps=3))
    resumed.train()

    assert resumed.step == 3
    assert resumed.is_done
    ended = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)
    again = torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)
    for part in ("modules", "average"):
        assert all(torch.equal(value, again[part][name]) for name, value in ended[part].items())


def test_a_checkpoint_of_another_vocabulary_is_refused(tmp_path: Path):
    trainee = MoondreamTrainee()
    Run(trainee, tmp_path, Budget(steps=1)).save()
    trainee.vocabulary = {**trainee.vocabulary, "zebra": 1500}

    with pytest.raises(ValueError, match="other words"):
        Run(trainee, tmp_path, Budget(steps=2))


def test_a_finished_run_started_again_trains_no_further(tmp_path: Path):
    Run(VaeTrainee(), tmp_path, Budget(steps=1)).train()
    again = Run(VaeTrainee(), tmp_path, Budget(steps=1))
    again.train()

    assert again.step == 1


def test_the_rate_warms_up_stays_and_falls_to_its_floor():
    schedule = Schedule(1.0, warmup_steps=10, flat_until=0.5, floor=0.1)

    assert schedule.rate(0, 0.0) == pytest.approx(0.1)
    assert schedule.rate(50, 0.5) == 1.0
    assert schedule.rate(99, 1.0) == pytest.approx(0.1)


def test_folding_the_scale_gives_unit_variance_and_the_same_pictures():
    vae = new_vae().eval()
    pictures = batch_of(scenes_of_step(0, 4))
    with torch.no_grad():
        before = vae.decode(vae.encode(pictures).latent_dist.mean).sample
        fold_scale(vae, encode_scenes(vae, range(16)))
        after = vae.decode(vae.encode(pictures).latent_dist.mean).sample
    spread = scaled(encode_scenes(vae, range(16))).mean.float().std((0, 2, 3))

    assert torch.allclose(before, after, atol=1e-3)
    assert torch.allclose(spread, torch.ones(4), atol=0.01)
    assert json.loads(vae.to_json_string())["scaling_factor"] == 0.13025
