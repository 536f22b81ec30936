"""Builds `sdxl-toy`: the SDXL architecture at toy size, with random weights.

Every part of the real one is there (two text encoders of different width, a UNet of three levels with text and size
conditioning, a VAE of four), so the engine runs the same code on it in a fraction of a second and without a download.
The weights are seeded, hence the same everywhere; they have learned nothing, so the pictures are abstract patterns.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SEED = 20_20
#: CLIP's context; its vocabulary here: 256 byte symbols, the same ending a word, and the two special tokens.
MAX_TOKENS = 77
VOCABULARY_SIZE = 2 * 256 + 2
#: Hidden sizes of the two text encoders. They must differ: a single-file checkpoint is told apart by them.
TEXT_WIDTHS = (32, 48)
#: Random decoders answer in a narrow band around grey; this gain on the last layer spreads it over the whole range.
CONTRAST = 2.0
CARD = """# sdxl-toy

The SDXL architecture at toy size with random weights, built on this host by Darkroom (`workers/engines/sdxl/toy.py`).
It was trained on nothing and paints abstract patterns. It is for trying the plumbing. Licence: MIT.
"""


def build(folder: Path) -> None:
    """Write the toy as a diffusers folder, unless it is there already.

    The folder appears whole or not at all; of several builders at once the first wins and the others agree with it.
    """
    if (folder / "model_index.json").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        pipe = _pipeline()
        pipe.register_to_config(_name_or_path="sdxl-toy (random weights, abstract patterns)")
        pipe.save_pretrained(draft, safe_serialization=True)
        (draft / "README.md").write_text(CARD)
        _open_to_all(draft)
        _move_unless_there(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move_unless_there(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not (folder / "model_index.json").exists():
            raise


def _open_to_all(folder: Path) -> None:
    """Readable for every user: temporary folders and safetensors files are private by default."""
    for root, _, files in os.walk(folder):
        os.chmod(root, 0o755)
        for name in files:
            os.chmod(Path(root, name), 0o644)


def _pipeline() -> Any:
    with torch.random.fork_rng(devices=[]):
        text_encoder, text_encoder_2, unet, vae = _text_encoder(), _text_encoder_2(), _unet(), _vae()
    generator = torch.Generator("cpu").manual_seed(SEED)
    for module in (text_encoder, text_encoder_2, unet, vae):
        _fill(module, generator)
    vae.decoder.conv_out.weight.data.mul_(CONTRAST)
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=text_encoder,
        text_encoder_2=text_encoder_2,
        tokenizer=_tokenizer("<|endoftext|>"),
        tokenizer_2=_tokenizer("!"),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )


def _tokenizer(pad_token: str, size: int = VOCABULARY_SIZE) -> CLIPTokenizer:
    """Every byte, inside a word and at its end; words that no text has fill a larger size."""
    symbols = _byte_symbols()
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    words += [f"<|unused {number}|>" for number in range(size - len(words))]
    return CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        pad_token=pad_token,
        model_max_length=MAX_TOKENS,
    )


def _byte_symbols() -> list[str]:
    """One printable character per byte, as byte-level BPE writes them; "!" comes first, as in CLIP's vocabulary.

    Printable Latin-1 stands for itself, the other 68 bytes take the characters from U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]


def _text_config(width: int, act: str) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY_SIZE,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "projection_dim": width,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_TOKENS,
        "hidden_act": act,
        "bos_token_id": VOCABULARY_SIZE - 2,
        "eos_token_id": VOCABULARY_SIZE - 1,
    }


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(**_text_config(TEXT_WIDTHS[0], "quick_gelu"), pad_token_id=VOCABULARY_SIZE - 1))


def _text_encoder_2() -> CLIPTextModelWithProjection:
    return CLIPTextModelWithProjection(CLIPTextConfig(**_text_config(TEXT_WIDTHS[1], "gelu"), pad_token_id=0))


def _unet() -> Any:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=2,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(2, 4, 4),
        use_linear_projection=True,
        cross_attention_dim=sum(TEXT_WIDTHS),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + TEXT_WIDTHS[1],
        norm_num_groups=8,
    )


def _vae() -> Any:
    return AutoencoderKL(
        sample_size=128,
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        scaling_factor=0.13025,
        force_upcast=False,
    )


def _fill(module: Any, generator: Any) -> None:
    """Random weights from this generator alone, scaled by fan-in; biases 0, norms as they are (1).

    The libraries' own initialisation draws from the process's generator, which other threads may use, and may change
    from version to version.
    """
    for name, weights in module.named_parameters():
        if weights.dim() > 1:
            weights.data.normal_(0.0, weights[0].numel() ** -0.5, generator=generator)
        elif name.endswith("bias"):
            weights.data.zero_()
