"""A single file of weights: whether it is an SDXL checkpoint, and if not, what it is."""

from pathlib import Path
from typing import Any

from shared.errors import EngineFailed
from workers.weights.weight_files import Shapes, refuse_missing, shapes_of

UNET, VAE = "model.diffusion_model.", "first_stage_model."
FIRST, SECOND = "conditioner.embedders.0.transformer.text_model.", "conditioner.embedders.1.model."
#: Parts of keys → what a file is that has one; the first that is found decides.
KINDS = (
    (("lora_", ".lora.", "lora_A", "hada_w1", "lokr_w1"), "a LoRA (an adapter), not a checkpoint"),
    (("control_model.", "controlnet_"), "a ControlNet, not a checkpoint"),
    (("ip_adapter", "image_proj."), "an IP-Adapter, not a checkpoint"),
    (("joint_blocks.", "double_blocks.", "double_stream"), "a checkpoint of another architecture (SD 3 or Flux)"),
    (("cond_stage_model.model.",), "a Stable Diffusion 2 checkpoint, not an SDXL one"),
    (("cond_stage_model.transformer.",), "a Stable Diffusion 1 checkpoint, not an SDXL one"),
    (("conditioner.embedders.0.model.",), "an SDXL refiner, which cannot paint from a prompt alone"),
    (("emb_params", "clip_g", "string_to_param"), "a textual inversion (an embedding), not a checkpoint"),
)
#: What a checkpoint must have one of, and what it is called.
PARTS = {
    "UNet": f"{UNET}input_blocks.0.0.weight",
    "first text encoder": f"{FIRST}embeddings.token_embedding.weight",
    "second text encoder": f"{SECOND}token_embedding.weight",
    "VAE": f"{VAE}decoder.conv_in.weight",
}


def inspect(file: Path) -> Shapes:
    """The tensors of an SDXL checkpoint.

    Raises:
        ModelMissing: it is not there. EngineFailed: it is something else; the message says what.
    """
    found = shapes_of(file, file.name)
    for marks, what in KINDS:
        if any(mark in key for key in found for mark in marks):
            raise EngineFailed(f"{file.name} is {what}")
    missing = [name for name, key in PARTS.items() if key not in found]
    if len(missing) == len(PARTS):
        raise EngineFailed(f"{file.name} {_alone(found)}")
    if missing:
        raise EngineFailed(f"{file.name} is not a whole SDXL checkpoint: it has no {', no '.join(missing)}")
    channels = found[PARTS["UNet"]][1]
    if channels != 4:
        raise EngineFailed(
            f"{file.name} takes {channels} channels: it is for inpainting or editing, not for text to image"
        )
    return found


def _alone(found: Shapes) -> str:
    """What a file is that has nothing under a checkpoint's names."""
    if any(key.startswith(("down_blocks.", "input_blocks.")) for key in found):
        return "holds a UNet alone: no text encoders, no VAE"
    if any(key.startswith(("decoder.", "encoder.conv_in")) for key in found):
        return "holds a VAE alone: no UNet, no text encoders"
    if any("text_model." in key or "token_embedding" in key for key in found):
        return "holds a text encoder alone: no UNet, no VAE"
    return "holds nothing of an SDXL checkpoint"


def inspect_blocks(file: Path, configs: dict[str, dict[str, Any]]) -> None:
    """Raise unless it has all blocks that the configurations beside it ask for.

    The original names count blocks through: each level has its layers and a change of size, but for the outermost.
    """
    found = inspect(file)
    unet, first, second = configs["unet"], configs["text_encoder"], configs["text_encoder_2"]
    layers, levels = unet.get("layers_per_block", 2), len(unet["down_block_types"])
    blocks = levels * (layers + 1)
    wanted = [f"{UNET}input_blocks.{number}.0" for number in range(blocks)]
    wanted += [f"{UNET}output_blocks.{number}.0" for number in range(blocks)]
    wanted += [f"{UNET}middle_block.{number}" for number in range(3)] + [f"{UNET}out.2", f"{UNET}label_emb.0.2"]
    wanted += [f"{FIRST}encoder.layers.{number}" for number in range(first["num_hidden_layers"])]
    wanted += [f"{SECOND}transformer.resblocks.{number}" for number in range(second["num_hidden_layers"])]
    wanted += [f"{VAE}{side}.conv_out" for side in ("encoder", "decoder")]
    refuse_missing(wanted, {prefix: () for key in found for prefix in _prefixes(key)}, file.name, "SDXL checkpoint")
    for key, size, name in (
        (PARTS["first text encoder"], first["vocab_size"], "first"),
        (PARTS["second text encoder"], second["vocab_size"], "second"),
    ):
        if found[key][0] != size:
            raise EngineFailed(
                f"{file.name}: its {name} text encoder has {found[key][0]:,} words, the configuration beside it {size:,}"
            )


def _prefixes(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
