"""A single file is an SDXL checkpoint, or told what it is."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.errors import EngineFailed
from tests.unit.workers.engines.single_file import write_single_file
from workers.engines.sdxl import files


@pytest.fixture(scope="module")
def whole(sdxl_toy, tmp_path_factory) -> Path:
    """The toy as a checkpoint, its configurations beside it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_single_file(files.read(sdxl_toy, torch.float32), folder / "painter.safetensors")
    shutil.copytree(sdxl_toy, folder / "config", ignore=shutil.ignore_patterns("*.safetensors"))
    return folder / "painter.safetensors"


@pytest.fixture
def place(whole, tmp_path):
    """A folder with the configurations alone."""
    shutil.copytree(whole.parent / "config", tmp_path / "config")
    return tmp_path


def written(place: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, place / "other.safetensors")
    return place / "other.safetensors"


def refusal(file: Path) -> str:
    with pytest.raises(EngineFailed) as caught:
        files.read(file, torch.float32)
    assert str(file.parent) not in caught.value.message
    return caught.value.message


ONE = torch.zeros(1)
OTHERS = {
    "lora_unet_down_blocks_0.lora_down.weight": "a LoRA",
    "unet.down_blocks.0.attentions.0.to_q.lora_A.weight": "a LoRA",
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": "a Stable Diffusion 1 checkpoint",
    "cond_stage_model.model.transformer.resblocks.0.ln_1.weight": "a Stable Diffusion 2 checkpoint",
    "model.diffusion_model.joint_blocks.0.x": "another architecture",
    "double_blocks.0.img_attn.norm.key_norm.scale": "another architecture",
    "conditioner.embedders.0.model.ln_final.weight": "an SDXL refiner",
    "control_model.input_blocks.0.0.weight": "a ControlNet",
    "clip_g": "a textual inversion",
    "down_blocks.0.resnets.0.conv1.weight": "holds a UNet alone",
    "decoder.conv_in.weight": "holds a VAE alone",
    "text_model.encoder.layers.0.mlp.fc1.weight": "holds a text encoder alone",
    "something": "holds nothing of an SDXL checkpoint",
    "model.diffusion_model.input_blocks.0.0.weight": "has no first text encoder, no second text encoder, no VAE",
    "first_stage_model.decoder.conv_in.weight": "has no UNet, no first text encoder, no second text encoder",
}


@pytest.mark.parametrize("key", OTHERS)
def test_what_is_no_sdxl_checkpoint_is_told_what_it_is(place, key):
    assert OTHERS[key] in refusal(written(place, {key: ONE}))


@pytest.mark.parametrize("ending", [".ckpt", ".safetensors", ".SAFETENSORS", ".pt"])
@pytest.mark.parametrize("protocol", [None, 2, 4])
def test_a_pickle_is_refused_by_its_content_whatever_it_is_called(place, ending, protocol):
    file = place / f"other{ending}"
    if protocol is None:
        torch.save({"state_dict": {"a": ONE}}, file)
    else:
        file.write_bytes(pickle.dumps({"a": [1] * 50}, protocol=protocol))

    assert "is pickled" in refusal(file)


@pytest.mark.parametrize("name", ["painter.SAFETENSORS", "painter.SafeTensors", "painter.ckpt"])
def test_a_safetensors_file_is_read_whatever_it_is_called(whole, place, name):
    shutil.copyfile(whole, place / name)

    pipe = files.read(place / name, torch.float32)

    assert not any(tensor.is_meta for tensor in pipe.unet.state_dict().values())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"<html>404</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_what_is_no_weights_is_told(place, data, told):
    (place / "other.safetensors").write_bytes(data)

    assert f"other.safetensors {told}" in refusal(place / "other.safetensors")


def test_half_a_checkpoint_is_told(whole, place):
    data = whole.read_bytes()
    (place / "other.safetensors").write_bytes(data[: len(data) // 2])

    assert "is cut short" in refusal(place / "other.safetensors")


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("model.diffusion_model.input_blocks.4.", "lacks model.diffusion_model.input_blocks.4.0"),
        ("model.diffusion_model.middle_block.1.", "lacks model.diffusion_model.middle_block.1"),
        ("first_stage_model.encoder.", "lacks first_stage_model.encoder.conv_out"),
        ("conditioner.embedders.1.model.transformer.resblocks.2", "lacks conditioner.embedders.1"),
        # One tensor of a block is only missed when the model is loaded.
        ("model.diffusion_model.input_blocks.4.0.out_layers.0.bias", "it is not whole, tensors are missing"),
        ("first_stage_model.decoder.up.1.block.0.norm1.bias", "it is not whole, tensors are missing"),
        (
            "conditioner.embedders.0.transformer.text_model.encoder.layers.1.layer_norm1.bias",
            "text_encoder is not whole",
        ),
        ("conditioner.embedders.1.model.transformer.resblocks.1.ln_2.bias", "text_encoder_2 is not whole"),
    ],
)
def test_missing_blocks_and_tensors_are_named_and_never_made_up(whole, place, mark, told):
    kept = {key: value for key, value in load_file(whole).items() if not key.startswith(mark)}

    assert told in refusal(written(place, kept))


def test_a_checkpoint_for_inpainting_is_told(whole, place):
    tensors = load_file(whole) | {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(32, 9, 3, 3)}

    assert "takes 9 channels: it is for inpainting" in refusal(written(place, tensors))


def test_configurations_of_another_size_are_refused(whole, place, sdxl_toy):
    config = place / "config/text_encoder_2/config.json"
    config.write_text(config.read_text().replace('"vocab_size": 514', '"vocab_size": 600'))

    assert "514 words, its text encoder knows 600" in refusal(shutil.copyfile(whole, place / "other.safetensors"))


def test_a_header_whose_length_begins_like_a_pickle_is_no_pickle(place):
    for length in range(1, 400):
        file = written(place, {"x" * length: ONE})
        if file.read_bytes()[:2] == b"\x80\x02" or file.read_bytes()[0] == 0x80:
            break

    assert file.read_bytes()[0] == 0x80
    assert "holds nothing of an SDXL checkpoint" in refusal(file)
