"""An SDXL folder is whole, or refused in one sentence that names the file and not the server's folders."""

import json
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shared.errors import DarkroomError, EngineFailed, ModelMissing
from tests.unit.workers.engines.parts import UNSLICED, Watch, levels_apart, toy_card, work
from workers.engines.sdxl import engine, files, inspection

ROOT = Path(__file__).resolve().parents[3]
UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
FIRST, SECOND = "text_encoder/model.safetensors", "text_encoder_2/model.safetensors"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 5135149760\n"


def refusal(folder: Path) -> DarkroomError:
    """What loading says; looking says the same, without torch."""
    with pytest.raises(DarkroomError) as looked:
        inspection.inspect(folder)
    with pytest.raises(type(looked.value)) as loaded:
        files.read(folder, torch.float32)
    assert loaded.value.message == f"{folder.name} cannot be loaded as SDXL: {looked.value.message}"
    assert str(folder.parent) not in loaded.value.message
    assert "\n" not in loaded.value.message
    return loaded.value


def test_the_models_that_come_with_the_project_are_whole(sdxl_toy):
    inspection.inspect(sdxl_toy)
    inspection.inspect(ROOT / "workers/starter/weights/sdxl-starter")


@pytest.mark.parametrize("tokenizer", ["tokenizer", "tokenizer_2"])
def test_a_folder_without_one_tokenizers_words_is_refused_by_the_files_name(sdxl, tokenizer):
    sdxl.drop(f"{tokenizer}/tokenizer.json")

    error = refusal(sdxl.folder)

    assert isinstance(error, ModelMissing)
    assert f"{tokenizer}/tokenizer.json is missing" in error.message


@pytest.mark.parametrize(
    "gone", ["tokenizer", "tokenizer_2", "scheduler", "vae", "unet", "text_encoder", "text_encoder_2"]
)
def test_a_folder_without_a_part_is_a_missing_model_that_names_it(sdxl, gone):
    sdxl.drop(gone)

    error = refusal(sdxl.folder)

    assert isinstance(error, ModelMissing)
    assert re.search(rf"{gone}/\S+ is missing", error.message)


def test_old_vocabularies_are_read_and_must_come_with_their_merges(sdxl, sdxl_toy):
    known = json.loads((sdxl_toy / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
    sdxl.drop("tokenizer/tokenizer.json")
    sdxl.put("tokenizer/vocab.json", json.dumps(known).encode())

    assert "merges.txt" in refusal(sdxl.folder).message
    sdxl.put("tokenizer/merges.txt", b"#version: 0.2\n")

    whole, old = (engine.load(toy_card(), folder, UNSLICED) for folder in (sdxl_toy, sdxl.folder))
    pictures = [each.generate([work(width=32, height=32, steps=1)], Watch())[0][0] for each in (whole, old)]
    assert levels_apart(*pictures) == 0


def words(sdxl_toy: Path, change) -> bytes:
    said = json.loads((sdxl_toy / "tokenizer/tokenizer.json").read_text())
    change(said)
    return json.dumps(said).encode()


def no_words(said):
    said["model"]["vocab"] = {}


def one_word_less(said):
    del said["model"]["vocab"]["zz" if "zz" in said["model"]["vocab"] else "~</w>"]


def no_start(said):
    number = said["model"]["vocab"].pop("<|startoftext|>")
    said["model"]["vocab"]["start"] = number
    said["added_tokens"] = [each for each in said["added_tokens"] if each["content"] != "<|startoftext|>"]


def a_hole(said):
    said["model"]["vocab"]["a"] = said["model"]["vocab"]["b"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_words, "2 words, its text encoder knows 514"),
        (one_word_less, "513 words, its text encoder knows 514"),
        (no_start, r"lacks the special word <\|startoftext\|>"),
        (a_hole, "does not number its words"),
    ],
)
def test_another_models_words_are_refused_with_the_numbers(sdxl, sdxl_toy, change, told):
    sdxl.put("tokenizer/tokenizer.json", words(sdxl_toy, change))

    assert re.search(rf"tokenizer/tokenizer\.json .*{told}", refusal(sdxl.folder).message)


@pytest.mark.parametrize("length", [None, 20, 10**30])
def test_a_tokenizer_of_another_length_is_refused(sdxl, length):
    sdxl.edit("tokenizer_2/tokenizer_config.json", model_max_length=length)

    assert "its text encoder reads 77" in refusal(sdxl.folder).message


NOT_WEIGHTS = {
    "empty": (b"", "is empty"),
    "web page": (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
    "pointer": (POINTER, "is a Git LFS pointer"),
    "pickle": (pickle.dumps({"a": 1}), "is pickled"),
    "zip": (b"PK\x03\x04" + b"\0" * 600, "is pickled"),
    "gguf": (b"GGUF\x03\0\0\0", "is a GGUF file"),
    "garbage": (b"not a tensor" * 20, "is cut short, damaged, or no safetensors file"),
}


@pytest.mark.parametrize("what", NOT_WEIGHTS)
@pytest.mark.parametrize("file", [UNET, FIRST, VAE])
def test_what_is_no_weights_is_told_by_its_content(sdxl, file, what):
    data, told = NOT_WEIGHTS[what]
    sdxl.put(file, data)

    error = refusal(sdxl.folder)

    assert isinstance(error, EngineFailed)
    assert f"{file} {told}" in error.message


@pytest.mark.parametrize("what", ["empty", "web page", "pointer", "garbage"])
@pytest.mark.parametrize(
    "file", ["model_index.json", "unet/config.json", "tokenizer/tokenizer.json", "vae/config.json"]
)
def test_a_configuration_that_is_none_is_told_by_its_content(sdxl, file, what):
    sdxl.put(file, NOT_WEIGHTS[what][0])

    assert re.search(rf"{file} is (empty|a web page|a Git LFS pointer|no JSON)", refusal(sdxl.folder).message)


@pytest.mark.parametrize("file", [UNET, SECOND])
def test_half_a_file_is_told(sdxl, file):
    data = (sdxl.folder / file).read_bytes()
    sdxl.put(file, data[: len(data) // 2])

    assert f"{file} is cut short" in refusal(sdxl.folder).message


@pytest.mark.parametrize(
    ("file", "marks", "told"),
    [
        (UNET, ("down_blocks.1.",), "unet is not a whole UNet: it lacks down_blocks.1"),
        (UNET, ("mid_block.attentions",), "unet is not a whole UNet: it lacks mid_block.attentions.0"),
        (UNET, ("up_blocks.0.attentions.2",), "unet is not a whole UNet: it lacks up_blocks.0.attentions.2"),
        (UNET, ("add_embedding",), "unet is not a whole UNet"),
        (VAE, ("decoder.up_blocks.3",), "vae is not a whole VAE: it lacks decoder.up_blocks.3"),
        (FIRST, ("encoder.layers.1", "text_model.encoder.layers.1"), "text_encoder is not a whole text encoder"),
        (SECOND, ("text_projection",), "text_encoder_2 is not a whole text encoder: it lacks text_projection.weight"),
    ],
)
def test_missing_blocks_are_named(sdxl, file, marks, told):
    sdxl.without(file, *marks)

    assert told in refusal(sdxl.folder).message


@pytest.mark.parametrize(
    ("file", "mark"),
    [
        (UNET, "down_blocks.1.resnets.0.norm2.bias"),
        (VAE, "decoder.mid_block.attentions.0.to_q.bias"),
        (FIRST, "encoder.layers.1.layer_norm2.bias"),
        (SECOND, "encoder.layers.0.self_attn.q_proj.bias"),
    ],
)
def test_a_single_missing_tensor_is_never_made_up(sdxl, file, mark):
    """Headers alone tell whole blocks; one tensor is missed when the model is loaded."""
    sdxl.without(file, mark, f"text_model.{mark}")

    with pytest.raises(EngineFailed, match=r"is not (a )?whole") as caught:
        files.read(sdxl.folder, torch.float32)

    assert mark in caught.value.message


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        ("unet/config.json", {"block_out_channels": [64, 64, 64]}, "channels of its first level"),
        ("unet/config.json", {"cross_attention_dim": 2048}, "the width of its text"),
        ("unet/config.json", {"addition_embed_type": None}, "no SDXL UNet"),
        ("unet/config.json", {"layers_per_block": 3}, "not a whole UNet"),
        ("text_encoder/config.json", {"vocab_size": 49408}, "514 words, its text encoder knows 49,408"),
        ("text_encoder/config.json", {"max_position_embeddings": 248}, "248 positions"),
        ("text_encoder/config.json", {"num_hidden_layers": 5}, "not a whole text encoder"),
        ("text_encoder_2/config.json", {"hidden_size": 1280}, "numbers a word"),
        ("vae/config.json", {"block_out_channels": [16, 16, 32]}, "levels"),
        ("text_encoder/config.json", {"vocab_size": None}, "is no text encoder's"),
    ],
)
def test_a_configuration_of_another_size_is_refused_with_the_numbers(sdxl, file, changes, told):
    sdxl.edit(file, **changes)

    assert told in refusal(sdxl.folder).message


def test_a_unet_for_inpainting_is_told(sdxl):
    sdxl.tensors(UNET, lambda found: found | {"conv_in.weight": torch.zeros(32, 9, 3, 3)})

    assert "unet is a UNet for inpainting: it takes 9 channels" in refusal(sdxl.folder).message


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


def test_endings_count_in_any_case(sdxl, sdxl_toy):
    for file in (UNET, VAE, FIRST):
        (sdxl.folder / file).rename((sdxl.folder / file).with_suffix(".SAFETENSORS"))

    pipe, whole = (files.read(folder, torch.float32) for folder in (sdxl.folder, sdxl_toy))

    assert all(torch.equal(a, b) for a, b in zip(pipe.unet.parameters(), whole.unet.parameters(), strict=True))
