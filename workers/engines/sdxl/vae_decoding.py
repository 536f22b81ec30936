"""Finished latents → pictures through the VAE, in tiles where memory is short.

The arithmetic is that of diffusers' SDXL pipelines, step by step: pictures must equal theirs. It stands apart from the
pipeline's call so that a decode that does not fit can be repeated without repeating the steps before it.
"""

from typing import Any

import torch

#: Side of a tile. diffusers' own, the size the VAE was trained on (1024 for SDXL), would leave a 1024 × 1024 picture
#: whole. A decode's memory grows with the area: a tile of 512 needs a quarter.
TILE_PX = 512
#: Tiles overlap by a quarter and the latents by an eighth of that, so sides are multiples of 4 × 8.
TILE_MULTIPLE_PX = 32


@torch.no_grad()
def decode(latents: torch.Tensor, vae: Any) -> torch.Tensor:
    """Turn latents into pictures: (B, 3, H, W) in −1..1 where all went well, for the pipeline's `VaeImageProcessor`.

    Args:
        latents: (B, 4, H/8, W/8), on the device where the VAE runs.
        vae: its precision may be raised to fp32 here, where its configuration says `force_upcast` and it is in fp16
            (SDXL's own overflows there). It is left so; who owns it puts it back.
    """
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        vae.to(dtype=torch.float32)
    scaled = unscaled(latents.to(vae.dtype), vae.config)
    # In fp32 before anything is rounded to levels: in bf16, 1 and 0.9961 are neighbours, and a level is 0.0039.
    values: torch.Tensor = vae.decode(scaled, return_dict=False)[0].float()
    return values


def unscaled(latents: torch.Tensor, config: Any) -> torch.Tensor:
    """From the UNet's scale to the VAE's; a few models also shift each channel."""
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is None or std is None:
        return latents / config.scaling_factor
    mean, std = (torch.tensor(values).view(1, -1, 1, 1).to(latents) for values in (mean, std))
    return latents * std / config.scaling_factor + mean


def tile(vae: Any, width: int, height: int) -> None:
    """Make the VAE work in tiles, at least two along the longer side of the picture."""
    half = max(width, height) // 2 // TILE_MULTIPLE_PX * TILE_MULTIPLE_PX
    side = min(TILE_PX, max(half, TILE_MULTIPLE_PX))
    vae.tile_sample_min_size = side
    vae.tile_latent_min_size = side // 2 ** (len(vae.config.block_out_channels) - 1)
    vae.enable_tiling()
