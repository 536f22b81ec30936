"""Companions under training: cut off and resumed they are the same, and only they learn."""

import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

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


def trained(make, folder: Path, steps: int, stop_after: int | None = None) -> Trainee:
    torch.manual_seed(0)
    trainee = make()
    run = Run(trainee, folder, Budget(steps=steps))
    if stop_after is None:
        run.train()
    else:
        for _ in range(stop_after):
            run._one_step()
        run.save()
    return trainee


@pytest.mark.parametrize("name", MAKERS)
def test_a_companion_cut_off_after_a_step_goes_on_exactly(name: str, tmp_path: Path):
    trained(MAKERS[name], tmp_path / "whole", 2)
    trained(MAKERS[name], tmp_path / "cut", 2, stop_after=1)
    trained(MAKERS[name], tmp_path / "cut", 2)
    ended, again = (
        torch.load(tmp_path / folder / "checkpoint.pt", weights_only=True)["average"] for folder in ("whole", "cut")
    )

    assert all(torch.equal(value, again[key]) for key, value in ended.items())


@pytest.mark.parametrize("name", MAKERS)
def test_its_files_name_the_base(name: str, tmp_path: Path):
    run = Run(MAKERS[name](), tmp_path / name, Budget(steps=1))
    write(name, run, tmp_path / name / "model")
    export_companions(tmp_path, tmp_path / "package")
    files = list((tmp_path / "package").rglob("*.safetensors"))

    assert files
    for file in files:
        with safe_open(file, "pt") as opened:
            assert opened.metadata()["darkroom_base_hash"] == base_hash()


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
