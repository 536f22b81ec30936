"""The shipped companions, loaded through diffusers' own classes onto a painter; one of another base is refused first."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderTiny,
    ControlNetModel,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
)
from safetensors.torch import load_file

from workers.starter.companions.compact import SRVGGNetCompact, from_tensors
from workers.starter.evaluate import WEIGHTS
from workers.weights.bases import refuse_another_base

FOLDER = WEIGHTS / "companions"
MODEL_FILE = "diffusion_pytorch_model.safetensors"
ADAPTER_FILE = "ip-adapter.safetensors"


def add_lora(painter: StableDiffusionXLPipeline, file: Path, base: str, strength: float = 1.0) -> None:
    """A style on the painter; `strength` from 0 to 1. Called again it only changes the strength.

    Raises:
        EngineFailed: the file was trained on another base.
    """
    refuse_another_base(file, base)
    name = file.stem.replace("-", "_")
    if name not in painter.get_list_adapters().get("unet", []):
        painter.load_lora_weights(file.parent, weight_name=file.name, adapter_name=name)
    painter.set_adapters([name], [strength])


def add_word(painter: StableDiffusionXLPipeline, file: Path, base: str, token: str) -> None:
    """A learnt word for both text encoders."""
    refuse_another_base(file, base)
    vectors = load_file(file)
    pairs = (
        ("clip_l", painter.tokenizer, painter.text_encoder),
        ("clip_g", painter.tokenizer_2, painter.text_encoder_2),
    )
    for key, tokenizer, encoder in pairs:
        painter.load_textual_inversion(
            {token: vectors[key].float()}, token=token, tokenizer=tokenizer, text_encoder=encoder
        )


def with_control(painter: StableDiffusionXLPipeline, folder: Path, base: str) -> StableDiffusionXLControlNetPipeline:
    """The painter's parts in the pipeline that follows drawings."""
    refuse_another_base(folder / MODEL_FILE, base)
    control = ControlNetModel.from_pretrained(folder, torch_dtype=torch.float32)
    pipe = StableDiffusionXLControlNetPipeline(**painter.components, controlnet=control, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def add_reference(painter: StableDiffusionXLPipeline, folder: Path, base: str, strength: float = 1.0) -> None:
    """The IP-Adapter with its image encoder; `painter(..., ip_adapter_image=card)` follows."""
    for file in (folder / ADAPTER_FILE, folder / "image_encoder" / "model.safetensors"):
        refuse_another_base(file, base)
    painter.load_ip_adapter(
        str(folder.parent), subfolder=folder.name, weight_name=ADAPTER_FILE, image_encoder_folder="image_encoder"
    )
    painter.set_ip_adapter_scale(strength)


def load_decoder(folder: Path, base: str) -> AutoencoderTiny:
    """The decoder of previews; takes latents as the UNet has them."""
    refuse_another_base(folder / MODEL_FILE, base)
    return AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32).eval()


def load_upscaler(file: Path, base: str) -> SRVGGNetCompact:
    """The network that enlarges."""
    refuse_another_base(file, base)
    return from_tensors(load_file(file))
