"""The training pictures as VAE latents, encoded once, and the VAE bent so that SDXL's scaling factor fits.

SDXL multiplies latents by 0.13025 and expects unit variance. Ours have another spread in each channel; the difference
is folded exactly into `quant_conv` and `post_quant_conv`, so every loader and every tool sees an ordinary SDXL VAE.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from workers.starter.pictures import batch_of
from workers.starter.usual import scene_to_ask
from workers.starter.vae import SCALING_FACTOR

ENCODED_AT_ONCE = 16


@dataclass(frozen=True)
class LatentCache:
    """Posterior of picture N (of `scene_to_ask(N)`) in units of unit variance.

    Args:
        mean: (N, 4, 16, 16) float16.
        deviation: the same shape; what to multiply noise with for a fresh sample.
    """

    mean: Tensor
    deviation: Tensor

    def sample(self, index: Tensor) -> Tensor:
        mean, deviation = self.mean[index].float(), self.deviation[index].float()
        return mean + deviation * torch.randn_like(mean)


def encode_scenes(vae: AutoencoderKL, seeds: range) -> LatentCache:
    """Encode the cards that prompts are made for (`usual.scene_to_ask`) of these seeds, in the VAE's own units."""
    means, deviations = [], []
    with torch.inference_mode():
        for start in range(0, len(seeds), ENCODED_AT_ONCE):
            scenes = [scene_to_ask(seed) for seed in seeds[start : start + ENCODED_AT_ONCE]]
            posterior = vae.encode(batch_of(scenes)).latent_dist
            means.append(posterior.mean)
            deviations.append(posterior.std)
    return LatentCache(torch.cat(means), torch.cat(deviations))


def fold_scale(vae: AutoencoderKL, sample: LatentCache) -> None:
    """Change the VAE in place so that its latents times `SCALING_FACTOR` have mean 0 and variance 1 in each channel."""
    centre = sample.mean.mean((0, 2, 3))
    stretch = 1 / (sample.mean.std((0, 2, 3)) * SCALING_FACTOR)
    into, out = vae.quant_conv, vae.post_quant_conv
    with torch.no_grad():
        into.weight[:4] *= stretch[:, None, None, None]
        into.bias[:4] = (into.bias[:4] - centre) * stretch
        into.bias[4:] += 2 * stretch.log()
        out.bias += out.weight[:, :, 0, 0] @ centre
        out.weight /= stretch[None, :, None, None]


def scaled(cache: LatentCache) -> LatentCache:
    """What a diffusion model sees: the folded VAE's latents times the scaling factor, in half precision."""
    return LatentCache((cache.mean * SCALING_FACTOR).half(), (cache.deviation * SCALING_FACTOR).half())


def save_cache(cache: LatentCache, path: Path) -> None:
    torch.save({"mean": cache.mean, "deviation": cache.deviation}, path)


def load_cache(path: Path) -> LatentCache:
    state = torch.load(path, map_location=torch.get_default_device(), weights_only=True)
    return LatentCache(state["mean"], state["deviation"])
