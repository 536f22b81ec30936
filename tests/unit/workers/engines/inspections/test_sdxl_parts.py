"""Each part has all that its configuration asks for, or is refused with what it lacks."""

import pytest
import torch

from shared.errors import EngineFailed
from tests.unit.workers.engines.inspections.sdxl_refusal import FIRST, SECOND, UNET, VAE, refusal
from workers.engines.sdxl import files


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
