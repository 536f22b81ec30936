"""Stage 3: allocated and reserved memory of the UNet and the VAE at full size, against what `needs` plans.

Run twice, once with `PYTORCH_ALLOC_CONF=expandable_segments:True`: how much less is reserved decides whether budgets may
count what is allocated.
"""

import os
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from tests.bench.card.where import MIB, Where, attempted
from workers.engines.sdxl import vae_decoding
from workers.memory.footprints import UNET_MIB_PER_MEGAPIXEL, VAE_MIB_PER_MEGAPIXEL


@torch.no_grad()
def run(where: Where) -> dict[str, Any]:
    name, dtype = next(iter(where.dtypes.items()))
    return {
        "precision": name,
        "alloc_conf": os.environ.get("PYTORCH_ALLOC_CONF", ""),
        "planned_unet_mib_per_megapixel": UNET_MIB_PER_MEGAPIXEL,
        "planned_vae_mib_per_megapixel": VAE_MIB_PER_MEGAPIXEL,
        "unet": _unet(where, dtype),
        "vae": _vae(where, dtype),
    }


def _unet(where: Where, dtype: torch.dtype) -> dict[str, Any]:
    unet = where.module(lambda: UNet2DConditionModel(**where.unet), dtype)
    found: dict[str, Any] = {"weights_mib": round(sum(p.nbytes for p in unet.parameters()) / MIB)}
    for layout in ("plain", "channels_last"):
        if layout == "channels_last":
            unet = unet.to(memory_format=torch.channels_last)
        for batch in (1, 2, 8):
            inputs = unet_inputs(where, dtype, batch)
            found[f"{layout}, {batch} samples"] = attempted(lambda i=inputs, u=unet: where.peaks(lambda: u(**i)))
    return found


def unet_inputs(where: Where, dtype: torch.dtype, samples: int) -> dict[str, Any]:
    """What one denoising step feeds; guidance makes two samples of a picture."""
    side, width = where.side_px // 8, where.unet["cross_attention_dim"]

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=where.device, dtype=dtype)

    return {
        "sample": noise(samples, 4, side, side),
        "timestep": torch.tensor(500, device=where.device),
        "encoder_hidden_states": noise(samples, 77, width),
        "added_cond_kwargs": {"text_embeds": noise(samples, 1280), "time_ids": noise(samples, 6)},
    }


def _vae(where: Where, dtype: torch.dtype) -> dict[str, Any]:
    vae = where.module(lambda: AutoencoderKL(**where.vae), dtype)
    side, found = where.side_px // 8, {}
    forms = {"half": dtype} if where.is_dry else {"half": dtype, "fp32": torch.float32}
    for form, of in forms.items():
        vae = vae.to(of)
        latents = torch.randn(1, 4, side, side, device=where.device, dtype=of)
        for tiled in (False, True):
            if tiled:
                vae_decoding.tile(vae, where.side_px, where.side_px)
            key = f"{form}{', tiled' if tiled else ''}"
            found[key] = attempted(lambda z=latents, v=vae: where.peaks(lambda: v.decode(z)))
            vae.disable_tiling()
    return {"weights_mib": round(sum(p.nbytes for p in vae.parameters()) / MIB), **found}
