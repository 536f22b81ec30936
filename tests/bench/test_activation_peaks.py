"""The arithmetic against real-size SDXL, run through with tensors that have no memory."""

import pytest
import torch

from tests.bench.activation_peaks import unet_mib, vae_mib
from workers.memory.footprints import UNET_MIB_PER_MEGAPIXEL, VAE_MIB_PER_MEGAPIXEL, VAE_TILE_MEGAPIXELS

#: What cuDNN's workspaces and the allocator add to live tensors on a card, at most.
OVERHEAD = 1.8


def test_decoding_is_planned_with_more_than_its_live_tensors_and_not_with_much_more():
    assert vae_mib(1024) < VAE_MIB_PER_MEGAPIXEL < OVERHEAD * vae_mib(1024)


def test_decoding_grows_with_the_pixels():
    assert vae_mib(1024) == pytest.approx(4 * vae_mib(512), rel=0.02)


def test_a_decode_in_fp32_takes_twice_the_room():
    assert vae_mib(512, torch.float32) == pytest.approx(2 * vae_mib(512), rel=0.01)


def test_tiles_of_512_need_what_is_planned_for_them():
    planned = VAE_MIB_PER_MEGAPIXEL * VAE_TILE_MEGAPIXELS

    assert vae_mib(1024, tile_px=512) < planned < OVERHEAD * vae_mib(1024, tile_px=512)


@pytest.mark.slow
def test_a_step_is_planned_with_more_than_its_live_tensors_and_not_with_much_more():
    live = unet_mib(1024, samples=2) / 2

    assert live < UNET_MIB_PER_MEGAPIXEL < OVERHEAD * live
