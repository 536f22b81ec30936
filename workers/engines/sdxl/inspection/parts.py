"""What an SDXL's parts must have, from their configurations: the tensors that tell whether a part is whole, and sizes."""

from typing import Any

from shared.errors import EngineFailed
from workers.weights.weight_files import Shapes, refuse_missing

#: Channels of SDXL's latents, and how often its VAE halves a picture (8 pixels a latent).
LATENT_CHANNELS, VAE_LEVELS = 4, 4
#: Tokens that CLIP reads.
POSITIONS = 77


def check_unet(config: dict[str, Any], found: Shapes, text_width: int, name: str) -> None:
    """Raise EngineFailed unless this is a whole text-to-image UNet of SDXL for encoders of this width together."""
    if config.get("addition_embed_type") != "text_time":
        raise EngineFailed(f"{name} is no SDXL UNet: its configuration has no addition_embed_type text_time")
    refuse_missing(unet_landmarks(config), found, name, "UNet")
    channels = found["conv_in.weight"][1]
    if channels != LATENT_CHANNELS:
        what = "for inpainting" if channels == 9 else "of another kind"
        raise EngineFailed(f"{name} is a UNet {what}: it takes {channels} channels, text to image {LATENT_CHANNELS}")
    _same(found["conv_in.weight"][0], config["block_out_channels"][0], name, "channels of its first level")
    _same(found["add_embedding.linear_1.weight"][1], config.get("projection_class_embeddings_input_dim"), name, "sizes")
    _same(config.get("cross_attention_dim"), text_width, name, "the width of its text (both encoders' together)")


def unet_landmarks(config: dict[str, Any]) -> list[str]:
    """One tensor of every block that the configuration asks for, in diffusers' names."""
    ends = ("conv_in", "time_embedding.linear_1", "add_embedding.linear_1", "conv_norm_out", "conv_out")
    down, up = config["down_block_types"], config["up_block_types"]
    layers, depths = (
        _each(config.get("layers_per_block", 2), down),
        _each(config.get("transformer_layers_per_block", 1), down),
    )
    found = [f"{end}.weight" for end in ends] + _block("mid_block", "CrossAttn", 2, depths[-1], attentions=1)
    for level, kind in enumerate(down):
        found += _block(f"down_blocks.{level}", kind, layers[level], depths[level])
        found += [f"down_blocks.{level}.downsamplers.0.conv.weight"] if level < len(down) - 1 else []
    up_depths = config.get("reverse_transformer_layers_per_block") or depths[::-1]
    for level, kind in enumerate(up):
        found += _block(f"up_blocks.{level}", kind, layers[::-1][level] + 1, up_depths[level])
        found += [f"up_blocks.{level}.upsamplers.0.conv.weight"] if level < len(up) - 1 else []
    return found


def _block(name: str, kind: str, resnets: int, depth: Any, attentions: int | None = None) -> list[str]:
    found = [f"{name}.resnets.{number}.conv1.weight" for number in range(resnets)]
    if "CrossAttn" in kind:
        for number in range(resnets if attentions is None else attentions):
            layers = depth[number] if isinstance(depth, list) else depth
            found += [
                f"{name}.attentions.{number}.transformer_blocks.{layer}.attn2.to_k.weight" for layer in range(layers)
            ]
    return found


def check_vae(config: dict[str, Any], found: Shapes, name: str) -> None:
    """Raise EngineFailed unless this is a whole VAE with SDXL's latents."""
    levels = len(config["block_out_channels"])
    wanted = ["encoder.conv_in.weight", "encoder.conv_out.weight", "decoder.conv_in.weight", "decoder.conv_out.weight"]
    wanted += [f"encoder.down_blocks.{level}.resnets.0.conv1.weight" for level in range(levels)]
    wanted += [f"decoder.up_blocks.{level}.resnets.0.conv1.weight" for level in range(levels)]
    refuse_missing(wanted, found, name, "VAE")
    _same(levels, VAE_LEVELS, name, "levels (8 pixels a latent)")
    _same(found["decoder.conv_in.weight"][1], LATENT_CHANNELS, name, "channels of its latents")


def check_text_encoder(config: dict[str, Any], found: Shapes, name: str, *, projects: bool) -> None:
    """Raise EngineFailed unless this is a whole CLIP text encoder as its configuration says."""
    layers = [f"encoder.layers.{number}.mlp.fc1.weight" for number in range(config["num_hidden_layers"])]
    words, places = "embeddings.token_embedding.weight", "embeddings.position_embedding.weight"
    wanted = [words, places, *layers, "final_layer_norm.weight", *(["text_projection.weight"] if projects else [])]
    plain = {key.removeprefix("text_model."): shape for key, shape in found.items()}
    refuse_missing(wanted, plain, name, "text encoder")
    _same(plain[words][0], config["vocab_size"], name, "words")
    _same(plain[places][0], POSITIONS, name, "positions")
    _same(plain[words][1], config["hidden_size"], name, "numbers a word")


def _same(found: Any, wanted: Any, name: str, what: str) -> None:
    if found != wanted:
        raise EngineFailed(f"{name} has {found} {what}, its model wants {wanted}: they do not belong together")


def _each(value: Any, levels: list[str]) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] * len(levels)
