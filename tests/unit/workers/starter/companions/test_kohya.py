"""LoRA files as kohya's trainer names their parts: every layer of the painter arrives where it came from."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from torch import nn

from workers.starter.companions.kohya import kohya_name, metadata_of, with_alphas
from workers.starter.companions.lora import RANK, add_to
from workers.starter.sdxl import new_unet


def predicted(unet: UNet2DConditionModel) -> torch.Tensor:
    numbers = torch.Generator().manual_seed(1)
    noisy, words = torch.randn(1, 4, 16, 16, generator=numbers), torch.randn(1, 77, 160, generator=numbers)
    added = {"text_embeds": torch.randn(1, 96, generator=numbers), "time_ids": torch.full((1, 6), 128.0)}
    return unet(noisy, torch.tensor([500]), words, added_cond_kwargs=added).sample


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("down_blocks.0.resnets.0.conv1", "lora_unet_input_blocks_1_0_in_layers_2"),
        ("down_blocks.0.downsamplers.0.conv", "lora_unet_input_blocks_3_0_op"),
        (
            "down_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k",
            "lora_unet_input_blocks_5_1_transformer_blocks_0_attn2_to_k",
        ),
        ("mid_block.resnets.1.conv2", "lora_unet_middle_block_2_out_layers_3"),
        ("mid_block.attentions.0.proj_in", "lora_unet_middle_block_1_proj_in"),
        ("up_blocks.1.resnets.2.conv_shortcut", "lora_unet_output_blocks_5_0_skip_connection"),
        ("up_blocks.0.upsamplers.0.conv", "lora_unet_output_blocks_2_2_conv"),
    ],
)
def test_layers_of_sdxl_itself_have_the_names_that_its_loras_use(layer: str, name: str):
    assert kohya_name(layer, layers=2) == name


def test_a_layer_that_no_lora_reaches_is_told():
    with pytest.raises(ValueError, match="conv_in"):
        kohya_name("conv_in", layers=2)


def test_diffusers_puts_every_addition_where_it_was_trained():
    torch.manual_seed(0)
    taught, plain = new_unet().eval(), new_unet().eval()
    plain.load_state_dict(taught.state_dict())
    additions = add_to(taught, taught.config.layers_per_block)
    for addition in additions.values():
        nn.init.normal_(addition.lora_up.weight, std=0.1)
    file = {name: value.float() for name, value in with_alphas(additions.state_dict(), RANK).items()}
    loaded, alphas = StableDiffusionXLPipeline.lora_state_dict(file, unet_config=plain.config)[:2]
    StableDiffusionXLPipeline.load_lora_into_unet(loaded, alphas, plain)
    with torch.no_grad():
        taught_says, plain_says = predicted(taught), predicted(plain)
        for addition in additions.values():
            addition.lora_up.weight.zero_()
        before = predicted(taught)

    assert len(alphas) == len(additions) > 100
    assert (taught_says - before).abs().mean() > 0.1
    assert (taught_says - plain_says).abs().mean() < 0.01 * (taught_says - before).abs().mean()


def test_the_alpha_of_every_layer_is_the_rank():
    pairs = {"lora_unet_a.lora_down.weight": torch.zeros(4, 3), "lora_unet_a.lora_up.weight": torch.zeros(3, 4)}

    assert with_alphas(pairs, 4)["lora_unet_a.alpha"].item() == 4


def test_the_metadata_name_the_base_by_its_hash():
    about = metadata_of("starter-neon", 8, 100, {"name": "sdxl-starter", "hash": "ab" * 32}, "neon")

    assert about["ss_new_sd_model_hash"] == "ab" * 32
    assert about["ss_network_dim"] == "8"
    assert all(isinstance(value, str) for value in about.values())
