"""Pictures → latents through the VAE, where image to image starts.

The arithmetic is that of diffusers' SDXL pipeline, step by step: pictures must equal its. It stands apart from the
pipeline's call because that casts a VAE of any precision to fp32 and then to the UNet's fp16, in which it overflows. Here
only a VAE in fp16 is raised; one in fp32 or bf16 encodes as it is.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image, ImageOps


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in RGB at exactly width × height pixels: scaled to cover it, then centre-cropped.

    The aspect is kept and nothing is stretched; what sticks out on the longer side is cut off evenly. A picture that
    has the size already passes untouched, to the last bit.
    """
    rgb = picture.convert("RGB")
    if rgb.size == (width, height):
        return rgb
    return ImageOps.fit(rgb, (width, height), method=Image.Resampling.LANCZOS, centering=(0.5, 0.5))


@torch.no_grad()
def encode(
    pixels: torch.Tensor,
    vae: Any,
    generators: Sequence[torch.Generator],
    device: torch.device,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Turn pictures into scaled latents, one at a time.

    Args:
        pixels: (B, 3, H, W), -1 to 1.
        vae: raised to fp32 where its configuration says `force_upcast` and it is in fp16; who owns it puts it back.
        generators: one a picture; the VAE draws from its distribution with it, and the pipeline its noise after that.
        device: where the VAE computes.
        dtype: of the latents, the UNet's.

    Returns:
        (B, 4, H/8, W/8).
    """
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        vae.to(dtype=torch.float32)
    seen = pixels.to(device=device, dtype=dtype).to(vae.dtype)
    drawn = [
        vae.encode(one).latent_dist.sample(generator) for one, generator in zip(seen.split(1), generators, strict=True)
    ]
    return scaled(torch.cat(drawn).to(dtype), vae.config)


def scaled(latents: torch.Tensor, config: Any) -> torch.Tensor:
    """From the VAE's scale to the UNet's; the inverse of `vae_decoding.unscaled`."""
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is None or std is None:
        return config.scaling_factor * latents
    mean, std = (torch.tensor(values).view(1, -1, 1, 1).to(latents) for values in (mean, std))
    return (latents - mean) * config.scaling_factor / std
