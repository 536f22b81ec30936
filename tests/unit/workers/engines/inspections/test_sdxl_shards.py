"""A part in several files is read by its index, or refused by the name of what does not agree."""

import json

import torch
from safetensors.torch import save_file

from tests.unit.workers.engines.inspections.sdxl_refusal import UNET, refusal
from workers.engines.sdxl import files


def sharded(sdxl) -> None:
    """The UNet in two files with an index, as large ones come."""
    from safetensors.torch import load_file

    tensors = load_file(sdxl.folder / UNET)
    halves = [dict(list(tensors.items())[half::2]) for half in (0, 1)]
    index = {}
    for number, half in enumerate(halves, 1):
        name = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        save_file({key: value.clone() for key, value in half.items()}, sdxl.folder / "unet" / name, {"format": "pt"})
        index |= dict.fromkeys(half, name)
    sdxl.drop(UNET)
    said = {"metadata": {"total_size": 1}, "weight_map": index}
    sdxl.put(f"{UNET}.index.json", json.dumps(said).encode())


def test_a_part_in_several_files_is_read(sdxl):
    sharded(sdxl)

    assert files.read(sdxl.folder, torch.float32).unet.dtype == torch.float32


def test_a_part_in_several_files_must_have_all_of_them(sdxl):
    sharded(sdxl)
    sdxl.drop("unet/diffusion_pytorch_model-00002-of-00002.safetensors")

    assert "unet/diffusion_pytorch_model-00002-of-00002.safetensors is missing" in refusal(sdxl.folder).message


def test_an_index_that_names_another_file_is_refused(sdxl):
    sharded(sdxl)
    index = json.loads((sdxl.folder / f"{UNET}.index.json").read_text())
    key = "conv_in.weight"
    other = {"1": "2", "2": "1"}[index["weight_map"][key][-len("1-of-00002.safetensors")]]
    index["weight_map"][key] = f"diffusion_pytorch_model-0000{other}-of-00002.safetensors"
    sdxl.put(f"{UNET}.index.json", json.dumps(index).encode())

    assert "the index of unet looks for conv_in.weight" in refusal(sdxl.folder).message


def test_shards_without_their_index_are_refused(sdxl):
    sharded(sdxl)
    sdxl.drop(f"{UNET}.index.json")

    assert "index.json is missing" in refusal(sdxl.folder).message
