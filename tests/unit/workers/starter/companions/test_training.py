"""Companions under training: cut off and resumed they are the same, and only they learn."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from workers.starter.companions.base import Base, base_hash
from workers.starter.companions.decoder import DecoderTrainee
from workers.starter.companions.eye import EyeTrainee, new_eye
from workers.starter.companions.inversion import TOKEN, InversionTrainee, windmill_prompt, windmill_scene
from workers.starter.companions.lora import StyleTrainee
from workers.starter.companions.reference import ReferenceTrainee
from workers.starter.companions.scribble import ScribbleTrainee
from workers.starter.companions.training import COMPANIONS, export_companions, write
from workers.starter.companions.upscale import UpscaleTrainee, pair_of
from workers.starter.latents import LatentCache
from workers.starter.loop import Budget, Run, Trainee
from workers.starter.paint import paint
from workers.starter.train import STAGES
from workers.starter.world import SIDE_PX, scene_from_seed
from workers.weights.bases import base_named_by


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def cache() -> LatentCache:
    latents = torch.randn(80, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    return LatentCache(latents.half(), torch.full_like(latents, 0.1).half())


MAKERS = {
    "woodcut": lambda: StyleTrainee(Base(), cache()),
    "windmill": lambda: InversionTrainee(Base(), cache()),
    "scribble": lambda: ScribbleTrainee(Base(), cache()),
    "upscale-x2": lambda: UpscaleTrainee(2),
    "decoder": lambda: DecoderTrainee(cache()),
    "reference-eye": EyeTrainee,
    "reference": lambda: ReferenceTrainee(Base(), new_eye(), cache()),
}


def trained(make: Callable[[], Trainee], folder: Path, steps: int) -> None:
    torch.manual_seed(0)
    run = Run(make(), folder, Budget(steps=2))
    while run.step < steps:
        run._one_step()
    run.save()


@pytest.mark.parametrize("name", ["windmill", "upscale-x2", "reference-eye"])
def test_a_companion_cut_off_after_a_step_goes_on_exactly(name: str, tmp_path: Path):
    trained(MAKERS[name], tmp_path / "whole", 2)
    trained(MAKERS[name], tmp_path / "cut", 1)
    trained(MAKERS[name], tmp_path / "cut", 2)
    ended, again = (
        torch.load(tmp_path / folder / "checkpoint.pt", weights_only=True)["average"] for folder in ("whole", "cut")
    )

    assert all(torch.equal(value, again[key]) for key, value in ended.items())


@pytest.mark.parametrize("name", MAKERS)
def test_its_loss_depends_on_nothing_but_weights_and_step_and_its_files_name_the_base(name: str, tmp_path: Path):
    trainee = MAKERS[name]()
    losses = []
    for step in (5, 5, 6):
        torch.manual_seed(step)
        with torch.no_grad():
            losses.append(trainee.loss(step, 0.5)[0].item())
    write(name, Run(trainee, tmp_path / name, Budget(steps=1)), tmp_path / name / "model")
    export_companions(tmp_path, tmp_path / "package")
    files = list((tmp_path / "package").rglob("*.safetensors"))

    assert losses[0] == losses[1] != losses[2]
    assert {base_named_by(file) for file in files} == {(base_hash(), "sdxl-starter")}


def test_the_painter_itself_does_not_learn(tmp_path: Path):
    base = Base()
    before = {key: value.clone() for key, value in base.unet.state_dict().items()}
    Run(StyleTrainee(base, cache()), tmp_path, Budget(steps=1)).train()

    assert all(torch.equal(value, base.unet.state_dict()[key]) for key, value in before.items())


def test_every_companion_is_a_stage_of_the_trainer():
    assert set(COMPANIONS) < set(STAGES)


def test_nothing_finished_is_told_by_name(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="woodcut"):
        export_companions(tmp_path, tmp_path / "package")


def test_a_card_drawn_larger_is_the_same_card():
    for seed in range(4):
        small, large = pair_of(scene_from_seed(seed), 2, from_large=True)
        levels = [
            torch.tensor(list(picture.convert("L").tobytes())).float()
            for picture in (small, paint(scene_from_seed(seed)))
        ]

        assert large.size == (2 * SIDE_PX, 2 * SIDE_PX)
        assert (levels[0] - levels[1]).abs().mean() < 3


def test_a_prompt_for_the_windmill_has_its_word_and_not_its_stand_ins():
    for seed in range(30):
        text = windmill_prompt(windmill_scene(seed), random.Random(seed))

        assert TOKEN in text
        assert "house" not in text
