"""Model folders of the published sizes with random weights, written without a hub: speed and memory do not depend on what
the weights have learned.

Sizes are those of the published configurations. Weights are made on the given device, half precision, a part at a time.
Vocabularies are the toys', because the published ones are not here; the embeddings keep their size.
"""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.bench.sdxl_sizes import UNET, VAE
from workers.engines.moondream.config import MOONDREAM_2B, SMALL_VOCAB_TOKENS
from workers.engines.moondream.inspection import TOKENIZER_FOLDER
from workers.engines.moondream.network import Network
from workers.engines.moondream.tokenizer import FILE_NAME, small_tokenizer
from workers.engines.moondream.toy import prefer_letters, save_snapshot
from workers.engines.sdxl import toy

#: CLIP ViT-L/14 and OpenCLIP ViT-bigG/14, their text halves.
TEXT_ENCODER = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
}
TEXT_ENCODER_2 = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
}
SMALL_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
CLIP_VOCABULARY = 49_408
#: Millions of parameters as published; a folder that has others is not the full size.
SDXL_PARAMETERS_M = 3468
MOONDREAM_PARAMETERS_M = 1927


def write_sdxl(folder: Path, device: str, seed: int = 0) -> None:
    """A diffusers folder of SDXL 1.0's size in fp16."""
    parts = {
        "unet": made(lambda: UNet2DConditionModel(**UNET), device, seed),
        "vae": made(lambda: AutoencoderKL(**VAE, scaling_factor=0.13025, force_upcast=True), device, seed),
        "text_encoder": made(lambda: text_encoder(), device, seed),
        "text_encoder_2": made(lambda: text_encoder_2(), device, seed),
    }
    pipe = StableDiffusionXLPipeline(
        **parts,
        tokenizer=toy._tokenizer("<|endoftext|>", CLIP_VOCABULARY),
        tokenizer_2=toy._tokenizer("!", CLIP_VOCABULARY),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading"
        ),
        add_watermarker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)


def write_moondream(folder: Path, device: str, seed: int = 0) -> None:
    """A snapshot of Moondream 2's size in fp16, with its tokenizer where the catalogue expects it."""
    config = dataclasses.replace(MOONDREAM_2B, tokens=SMALL_VOCAB_TOKENS)
    network, tokenizer = made(lambda: Network(config), device, seed), small_tokenizer()
    prefer_letters(network, tokenizer)
    save_snapshot(folder, network, tokenizer)
    (folder / TOKENIZER_FOLDER).mkdir(exist_ok=True)
    tokenizer.save(str(folder / TOKENIZER_FOLDER / FILE_NAME))


def made(build: Any, device: str, seed: int) -> Any:
    """A module that was never filled by its library, which takes minutes: random weights, norms 1, biases 0."""
    with torch.device("meta"):
        module: nn.Module = build()
    module = module.to(torch.float16).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, weights in module.named_parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, weights[0].numel() ** -0.5, generator=generator)
            else:
                weights.fill_(0.0 if name.endswith("bias") else 1.0)
    return module.requires_grad_(False)


def parameters_m(*modules: nn.Module) -> float:
    return sum(weights.numel() for module in modules for weights in module.parameters()) / 1e6


def text_encoder(is_small: bool = False) -> CLIPTextModel:
    """SDXL's first; small: of no size that matters."""
    return CLIPTextModel(_text_config(TEXT_ENCODER | (SMALL_TEXT if is_small else {})))


def text_encoder_2(is_small: bool = False) -> CLIPTextModelWithProjection:
    """SDXL's second."""
    return CLIPTextModelWithProjection(_text_config(TEXT_ENCODER_2 | (SMALL_TEXT if is_small else {})))


def _text_config(sizes: dict[str, Any]) -> CLIPTextConfig:
    return CLIPTextConfig(
        **sizes,
        vocab_size=CLIP_VOCABULARY,
        max_position_embeddings=toy.MAX_TOKENS,
        bos_token_id=toy.VOCABULARY_SIZE - 2,
        eos_token_id=toy.VOCABULARY_SIZE - 1,
        pad_token_id=0,
    )
