"""Writes a diffusers SDXL as one `.safetensors` file in the original layout, the way checkpoints are passed around.

The inverse of what a loader does, so that loading such a file can be tested without a real one.
"""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

#: diffusers' name of a part of a UNet resnet → the original one.
UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def write_single_file(pipe: Any, file: Path) -> None:
    """All weights of an SDXL pipeline in one file."""
    tensors = {
        **_under("model.diffusion_model.", _unet(pipe.unet)),
        **_under("first_stage_model.", _vae(pipe.vae)),
        **_under("conditioner.embedders.0.transformer.", _clip(pipe.text_encoder)),
        **_under("conditioner.embedders.1.model.", _open_clip(pipe.text_encoder_2)),
    }
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _unet(unet: Any) -> dict[str, torch.Tensor]:
    layers = unet.config.layers_per_block
    return {_unet_name(name, layers): tensor for name, tensor in unet.state_dict().items()}


def _unet_name(name: str, layers: int) -> str:
    """The original counts blocks through: every resnet (with its attention) and every downsampler is one."""
    for ours, theirs in UNET_ENDS.items():
        if name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    if mid := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        kind, number, rest = mid.groups()
        place = 2 * int(number) if kind == "resnets" else 1
        return f"middle_block.{place}.{_resnet_part(rest) if kind == 'resnets' else rest}"
    block = re.fullmatch(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name)
    assert block, name
    way, level, kind, number, rest = block.groups()
    if way == "down":
        first = 1 + int(level) * (layers + 1)
        if kind == "downsamplers":
            return f"input_blocks.{first + layers}.0.op.{rest.removeprefix('conv.')}"
        side = "input_blocks"
    else:
        first = int(level) * (layers + 1)
        if kind == "upsamplers":
            return f"output_blocks.{first + layers}.2.{rest}"
        side = "output_blocks"
    place = f"{side}.{first + int(number)}"
    return f"{place}.0.{_resnet_part(rest)}" if kind == "resnets" else f"{place}.1.{rest}"


def _resnet_part(rest: str) -> str:
    part, _, end = rest.partition(".")
    return f"{UNET_RESNET[part]}.{end}"


def _vae(vae: Any) -> dict[str, torch.Tensor]:
    levels = len(vae.config.block_out_channels)
    named = {_vae_name(name, levels): tensor for name, tensor in vae.state_dict().items()}
    # The original's attention is made of 1 × 1 convolutions.
    return {
        name: tensor[:, :, None, None] if ".attn_1." in name and tensor.dim() == 2 else tensor
        for name, tensor in named.items()
    }


def _vae_name(name: str, levels: int) -> str:
    """The original names decoder levels from the picture inwards, diffusers the other way round."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0." in name:
        head, part = name.split("mid_block.attentions.0.")
        ours, end = part.rsplit(".", 1)
        return f"{head}mid.attn_1.{VAE_ATTENTION[ours]}.{end}"
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)


def _clip(encoder: Any) -> dict[str, torch.Tensor]:
    """As it is, under the `text_model.` that older versions of the library wrote too."""
    return {f"text_model.{name.removeprefix('text_model.')}": t for name, t in encoder.state_dict().items()}


def _open_clip(encoder: Any) -> dict[str, torch.Tensor]:
    """Query, key and value become one matrix; the projection is written transposed."""
    ours = {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}
    theirs = {
        "positional_embedding": ours.pop("embeddings.position_embedding.weight"),
        "token_embedding.weight": ours.pop("embeddings.token_embedding.weight"),
        "ln_final.weight": ours.pop("final_layer_norm.weight"),
        "ln_final.bias": ours.pop("final_layer_norm.bias"),
        "text_projection": ours.pop("text_projection.weight").T,
    }
    for name in list(ours):
        layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", name)
        if not layer:
            continue
        number, part, end = layer.groups()
        if part == "self_attn.q_proj":
            parts = [ours[f"encoder.layers.{number}.self_attn.{letter}_proj.{end}"] for letter in "qkv"]
            theirs[f"transformer.resblocks.{number}.attn.in_proj_{end}"] = torch.cat(parts)
        elif part in OPEN_CLIP:
            theirs[f"transformer.resblocks.{number}.{OPEN_CLIP[part]}.{end}"] = ours[name]
    return theirs
