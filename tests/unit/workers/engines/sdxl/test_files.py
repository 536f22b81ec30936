"""SDXL models are read from folders and single files, offline, or refused in clear words."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import EngineFailed, ModelMissing
from tests.unit.workers.engines.parts import UNSLICED, Watch, levels_apart, toy_card, work
from tests.unit.workers.engines.single_file import write_single_file
from workers.engines.sdxl import engine as sdxl
from workers.engines.sdxl import files as sdxl_files


def weights(pipe: Any) -> dict[str, torch.Tensor]:
    parts = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
    return {f"{part}.{name}": t for part in parts for name, t in parts[part].state_dict().items()}


def configs_only(toy_folder: Path, target: Path) -> None:
    shutil.copytree(toy_folder, target, ignore=shutil.ignore_patterns("*.safetensors"))


@pytest.mark.parametrize("place", ["a-model", "config"])
def test_a_single_file_with_its_configurations_makes_the_folders_pictures(engine, toy_folder, tmp_path, place):
    write_single_file(engine._txt2img, tmp_path / "a-model.safetensors")
    configs_only(toy_folder, tmp_path / place)

    other = sdxl.load(toy_card(), tmp_path / "a-model.safetensors", UNSLICED)

    ours, theirs = weights(engine._txt2img), weights(other._txt2img)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    [[a]], [[b]] = (each.generate([work(prompt="x" * 90)], Watch()) for each in (engine, other))
    assert levels_apart(a, b) == 0


def test_a_single_file_without_configurations_says_where_to_put_them(engine, tmp_path):
    write_single_file(engine._txt2img, tmp_path / "lonely.safetensors")

    with pytest.raises(ModelMissing, match=r"configurations and tokenizers.*lonely"):
        sdxl_files.read(tmp_path / "lonely.safetensors", torch.float32)


def test_weights_in_another_precision_variant_are_found(toy_folder, tmp_path):
    folder = tmp_path / "toy"
    shutil.copytree(toy_folder, folder)
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))

    pipe = sdxl_files.read(folder, torch.float32)

    assert pipe.unet.dtype == torch.float32


def test_nothing_there_is_a_missing_model(tmp_path):
    with pytest.raises(ModelMissing, match="gone are not here"):
        sdxl_files.read(tmp_path / "gone", torch.float32)


def test_a_folder_of_another_kind_of_model_is_refused_by_name(toy_folder, tmp_path):
    configs_only(toy_folder, tmp_path / "other")
    (tmp_path / "other" / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))

    with pytest.raises(EngineFailed, match="FluxPipeline"):
        sdxl_files.read(tmp_path / "other", torch.float32)


def test_a_folder_with_broken_weights_is_refused(toy_folder, tmp_path):
    folder = tmp_path / "toy"
    shutil.copytree(toy_folder, folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not a tensor")

    with pytest.raises(EngineFailed, match="cannot be loaded"):
        sdxl_files.read(folder, torch.float32)


def test_pickled_weights_are_not_read(toy_folder, tmp_path):
    folder = tmp_path / "toy"
    shutil.copytree(toy_folder, folder)
    for file in (folder / "unet").glob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))

    with pytest.raises(EngineFailed, match="cannot be loaded"):
        sdxl_files.read(folder, torch.float32)
