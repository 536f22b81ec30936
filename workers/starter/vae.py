"""The starter VAE: SDXL's autoencoder shrunk to 0.9 M parameters, and how it is trained.

It starts as 'average the picture down, blow it up again': the identity runs through every block, so the first minutes
are spent on detail and not on finding the colours. Trained on crops around things, for whole pictures cost four times
as much; the last tenth sees whole pictures, since group norms depend on the size.
"""

import math
import random
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from workers.starter.loop import Schedule
from workers.starter.pictures import batch_of, crops_of, save_grid, scenes_of_step, to_picture

CHANNELS = (16, 32, 48, 64)
#: SDXL's own; `latents.fold_scale` bends the weights so that it is right for ours.
SCALING_FACTOR = 0.13025
CROP_PX = 64
CROPS_PER_STEP = 6
WHOLE_PER_STEP = 2
WHOLE_FROM = 0.9
#: The decoder sees latents with noise of up to this share of their spread, and has to decode latents averaged two by two
#: to the picture halved. Without both, one channel became a code of edges as fine as 0.01 of its spread and without any
#: likeness between neighbours: the UNet could not predict it at all (v-loss 0.98), and things came out as shards. The
#: second is the scale equivariance of EQ-VAE (Kouzelis et al., 2025).
LATENT_NOISE = 0.5
HALVED_WEIGHT = 0.5
#: Size of the two constant channels that keep group norms nearly linear at the start.
CONSTANT = 4.0


def new_vae() -> AutoencoderKL:
    """Four levels like SDXL's (8 times down, four latents), initialised as average pooling."""
    vae = AutoencoderKL(
        block_out_channels=CHANNELS,
        norm_num_groups=2,
        layers_per_block=1,
        latent_channels=4,
        sample_size=128,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        force_upcast=False,
        scaling_factor=SCALING_FACTOR,
    )
    with torch.no_grad():
        _start_as_pooling(vae)
        _keep_colour_absolute(vae)
    return vae.to(memory_format=torch.channels_last)


class VaeTrainee:
    """Reconstruction: L1 and squared error from the start, edges in the second half (earlier they reward flatness)."""

    def __init__(self, peak_rate: float = 2e-3) -> None:
        self.vae = new_vae()
        self.modules: nn.Module = self.vae
        self.schedule = Schedule(peak_rate, floor=0.03)
        self.ema_decay = 0.995
        self.vocabulary: dict[str, int] = {}
        self.weight_decay = 1e-3

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        picture = self._batch(step, progress)
        posterior = self.vae.encode(picture).latent_dist
        latents = posterior.sample()
        again = self.vae.decode(disturbed(latents)).sample
        divergence = posterior.kl().mean() / (picture.shape[2] * picture.shape[3] * 3)
        edges = _edge_loss(again, picture)
        halved = _difference(self.vae.decode(F.avg_pool2d(latents, 2)).sample, F.avg_pool2d(picture, 2))
        total = (
            _difference(again, picture)
            + 1e-3 * divergence
            + HALVED_WEIGHT * halved
            + (0.3 * edges if progress > 0.5 else 0.0)
        )
        numbers = {"mse": F.mse_loss(again, picture), "edges": edges, "kl": divergence, "halved": halved}
        return total, {name: value.item() for name, value in numbers.items()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        vae = cast(AutoencoderKL, averaged)
        scenes = scenes_of_step(0, 32, "held-out")
        true = batch_of(scenes)
        again = torch.cat([vae.decode(vae.encode(part).latent_dist.mean).sample for part in true.split(8)])
        pairs = [to_picture(t) for a, b in zip(true.split(8), again.split(8), strict=True) for t in (*a, *b)]
        save_grid(pairs, folder / f"vae-{step:06d}.png")
        return {"psnr_db": 10 * math.log10(4 / F.mse_loss(again.clamp(-1, 1), true).item())}

    def _batch(self, step: int, progress: float) -> Tensor:
        if progress > WHOLE_FROM:
            return batch_of(scenes_of_step(step, WHOLE_PER_STEP))
        return crops_of(scenes_of_step(step, CROPS_PER_STEP), CROP_PX, random.Random(step))


def disturbed(latents: Tensor) -> Tensor:
    """Latents with noise, each picture with an amount of its own; relative to each channel's spread in the batch, so that
    growing does not outrun it; (B, 4, H, W)."""
    spread = latents.std((0, 2, 3), keepdim=True)
    amount = torch.rand(len(latents), 1, 1, 1) * LATENT_NOISE
    return latents + amount * spread * torch.randn_like(latents)


def _difference(first: Tensor, second: Tensor) -> Tensor:
    return F.l1_loss(first, second) + 2 * F.mse_loss(first, second)


def _edge_loss(first: Tensor, second: Tensor) -> Tensor:
    across = F.l1_loss(first[..., 1:] - first[..., :-1], second[..., 1:] - second[..., :-1])
    down = F.l1_loss(first[..., 1:, :] - first[..., :-1, :], second[..., 1:, :] - second[..., :-1, :])
    return across + down


def _start_as_pooling(vae: AutoencoderKL) -> None:
    pool = torch.tensor([[0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.0, 0.0, 0.0]])
    tent = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
    keep = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    for name, part in vae.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            part.weight.mul_(0.1)
            part.bias.zero_()
        elif name.endswith("conv_shortcut"):
            _pass_through(part, torch.ones(1, 1))
        elif name.endswith("downsamplers.0.conv"):
            _pass_through(part, pool)
        elif name.endswith("upsamplers.0.conv"):
            _pass_through(part, tent)
    _pass_through(vae.encoder.conv_in, keep)
    _pass_through(vae.decoder.conv_in, keep)
    _pass_through(vae.post_quant_conv, torch.ones(1, 1))
    vae.quant_conv.weight[4:] *= 0.1
    vae.quant_conv.weight[:4] = torch.eye(8)[:4, :, None, None]
    vae.quant_conv.bias[:4] = 0
    # Log variance: at the default of 0 the noise drowns the latents and nothing is learnt for minutes.
    vae.quant_conv.bias[4:] = -5


def _pass_through(conv: nn.Conv2d, tap: Tensor) -> None:
    """Channel k to channel k through one filter; surplus output channels stay random."""
    shared = min(conv.weight.shape[:2])
    conv.weight[:shared] = 0
    for k in range(shared):
        conv.weight[k, k] = tap
    if conv.bias is not None:
        conv.bias.zero_()


def _keep_colour_absolute(vae: AutoencoderKL) -> None:
    """Two constant channels of opposite sign keep each group norm's scale, so that brightness survives it."""
    for first in (vae.encoder.conv_in, vae.decoder.conv_in):
        first.weight[6:8] = 0
        first.bias[6], first.bias[7] = CONSTANT, -CONSTANT
    for side in (vae.encoder, vae.decoder):
        norm, last = side.conv_norm_out, side.conv_out
        norm.weight.fill_(0.5)
        norm.bias.zero_()
        spread = (2 * CONSTANT**2 / (norm.num_channels // 2)) ** 0.5
        last.weight[:3] *= 0.1
        last.bias.zero_()
        for k in range(3):
            last.weight[k, k, 1, 1] = 2 * spread / 0.5
