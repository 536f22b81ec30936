"""An SDXL folder is whole, or refused in one sentence that names the file and not the server's folders."""

import re
from pathlib import Path

import pytest
import torch

from shared.errors import ModelMissing
from tests.unit.workers.engines.inspections.sdxl_refusal import FIRST, UNET, VAE, refusal
from workers.engines.sdxl import files
from workers.engines.sdxl.inspection import model as inspection

ROOT = Path(__file__).resolve().parents[5]


def test_the_models_that_come_with_the_project_are_whole(sdxl_toy):
    inspection.inspect(sdxl_toy)
    inspection.inspect(ROOT / "workers/starter/weights/sdxl-starter")


@pytest.mark.parametrize(
    "gone", ["tokenizer", "tokenizer_2", "scheduler", "vae", "unet", "text_encoder", "text_encoder_2"]
)
def test_a_folder_without_a_part_is_a_missing_model_that_names_it(sdxl, gone):
    sdxl.drop(gone)

    error = refusal(sdxl.folder)

    assert isinstance(error, ModelMissing)
    assert re.search(rf"{gone}/\S+ is missing", error.message)


@pytest.mark.parametrize("kind", ["StableDiffusionPipeline", "FluxPipeline", "StableDiffusion3Pipeline", ""])
def test_another_kind_of_model_is_refused_by_name(sdxl, kind):
    sdxl.edit("model_index.json", _class_name=kind)

    assert f"it is a {kind or 'nameless'} model" in refusal(sdxl.folder).message


def test_a_refiner_is_told(sdxl):
    sdxl.edit("model_index.json", _class_name="StableDiffusionXLImg2ImgPipeline", text_encoder=[None, None])

    assert "names no text_encoder" in refusal(sdxl.folder).message


@pytest.mark.parametrize("ending", [".bin", ".ckpt", ".pt"])
def test_a_part_that_is_pickled_is_not_read(sdxl, ending):
    (sdxl.folder / UNET).rename((sdxl.folder / UNET).with_suffix(ending))

    assert f"diffusion_pytorch_model{ending} is pickled" in refusal(sdxl.folder).message


def test_endings_count_in_any_case(sdxl, sdxl_toy):
    for file in (UNET, VAE, FIRST):
        (sdxl.folder / file).rename((sdxl.folder / file).with_suffix(".SAFETENSORS"))

    pipe, whole = (files.read(folder, torch.float32) for folder in (sdxl.folder, sdxl_toy))

    assert all(torch.equal(a, b) for a, b in zip(pipe.unet.parameters(), whole.unet.parameters(), strict=True))
