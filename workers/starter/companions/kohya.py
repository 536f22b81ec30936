"""LoRA files as kohya's trainer writes them: names of the original SDXL UNet, and `ss_*` metadata."""

import re
from collections.abc import Mapping

from torch import Tensor

PREFIX = "lora_unet_"
#: A ResNet's layers in diffusers and in the original.
RESNET = {
    "conv1": "in_layers.2",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
    "time_emb_proj": "emb_layers.1",
}
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)")
_SIZE = re.compile(r"(down|up)_blocks\.(\d+)\.(?:down|up)samplers\.0\.conv")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")


def kohya_name(module: str, layers: int) -> str:
    """The name of a UNet's layer in a kohya file, from its name in diffusers.

    Args:
        layers: `layers_per_block` of the UNet: the original counts blocks through, over all levels.
    """
    return PREFIX + _original(module, layers).replace(".", "_")


def _original(module: str, layers: int) -> str:
    if match := _BLOCK.fullmatch(module):
        side, level, part, number, rest = match.groups()
        first = 1 if side == "down" else 0
        block = first + int(level) * (layers + 1) + int(number)
        return f"{'input' if side == 'down' else 'output'}_blocks.{block}.{_part(part, rest)}"
    if match := _MIDDLE.fullmatch(module):
        part, number, rest = match.groups()
        return f"middle_block.{2 * int(number) if part == 'resnets' else 1}.{_part(part, rest).partition('.')[2]}"
    if match := _SIZE.fullmatch(module):
        side, level = match.groups()
        if side == "down":
            return f"input_blocks.{(int(level) + 1) * (layers + 1)}.0.op"
        return f"output_blocks.{int(level) * (layers + 1) + layers}.2.conv"
    raise ValueError(f"{module} is no layer that kohya's LoRAs reach")


def _part(part: str, rest: str) -> str:
    return f"0.{RESNET[rest]}" if part == "resnets" else f"1.{rest}"


def metadata_of(name: str, rank: int, steps: int, base: Mapping[str, str], words: str) -> dict[str, str]:
    """What kohya's trainer says of a file, as far as it applies; all values are text.

    Args:
        base: name and hash of the model it was trained on.
        words: what it does, for a reader.
    """
    return {
        "ss_output_name": name,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
        "ss_network_args": f'{{"conv_dim": "{rank}", "conv_alpha": "{rank}"}}',
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_sd_model_name": base["name"],
        "ss_new_sd_model_hash": base["hash"],
        "ss_v2": "False",
        "ss_steps": str(steps),
        "ss_resolution": "(128, 128)",
        "ss_training_comment": words,
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.title": name,
    }


def with_alphas(pairs: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """`pairs` and, for each `<layer>.lora_down.weight`, `<layer>.alpha` equal to the rank: a strength of 1 is 1."""
    found = {key: value.half().contiguous() for key, value in pairs.items()}
    layers = {key.split(".")[0]: value for key, value in pairs.items() if key.endswith("lora_down.weight")}
    return found | {f"{layer}.alpha": value.new_tensor(float(rank)).half() for layer, value in layers.items()}
