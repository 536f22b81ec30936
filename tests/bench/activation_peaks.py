"""The live tensors of one forward pass of real-size SDXL, counted without computing anything.

    python -m tests.bench.activation_peaks

Tensors are fake: they have shapes and no memory, so the real UNet (2,567 M parameters) runs through in seconds on any
machine. Counted is what the model itself keeps alive at once; what a card adds on top (convolution workspaces, blocks
the allocator cannot use) is not seen here. `workers.memory.footprints` has its constants from this.
"""

import functools
import sys
import weakref
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.bench.sdxl_sizes import UNET, VAE

MIB = 2**20


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations made and that are still referenced; a module's own weights are not counted."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self._own = {_key(tensor) for tensor in (*module.parameters(), *module.buffers())}
        self._alive: dict[int, int] = {}
        self._now = 0
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)
        return made

    def _count(self, tensor: torch.Tensor) -> None:
        key, storage = _key(tensor), tensor.untyped_storage()
        if key in self._alive or key in self._own:
            return
        self._alive[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._now -= self._alive.pop(key, 0)


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


@functools.cache
def unet_mib(side_px: int, samples: int, dtype: torch.dtype = torch.bfloat16) -> float:
    """Live MiB of one denoising step; guidance makes two samples of a picture."""
    from diffusers import UNet2DConditionModel

    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), in_dtype(dtype):
        unet = UNet2DConditionModel(**UNET)
        latents = torch.empty(samples, 4, side_px // 8, side_px // 8)
        added = {"text_embeds": torch.empty(samples, 1280), "time_ids": torch.empty(samples, 6)}
        prompt = torch.empty(samples, 77, 2048)
        with LiveBytes(unet) as live:
            unet(latents, torch.empty(()), encoder_hidden_states=prompt, added_cond_kwargs=added)
    return live.peak / MIB


@functools.cache
def vae_mib(side_px: int, dtype: torch.dtype = torch.bfloat16, tile_px: int | None = None) -> float:
    """Live MiB of decoding one picture, in tiles of `tile_px` if given."""
    from diffusers import AutoencoderKL

    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), in_dtype(dtype):
        vae = AutoencoderKL(**VAE)
        if tile_px is not None:
            # SDXL's own tile is its sample size, 1024 px: left alone, tiling would change nothing at 1024 × 1024.
            vae.tile_sample_min_size, vae.tile_latent_min_size = tile_px, tile_px // 8
            vae.enable_tiling()
        latents = torch.empty(1, 4, side_px // 8, side_px // 8)
        with LiveBytes(vae) as live:
            vae.decode(latents)
    return live.peak / MIB


class in_dtype:
    """Makes modules and tensors in a dtype, and puts the old default back."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def __enter__(self) -> None:
        self._before = torch.get_default_dtype()
        torch.set_default_dtype(self._dtype)

    def __exit__(self, *_: object) -> None:
        torch.set_default_dtype(self._before)


def main() -> int:
    """Print what `workers.memory.footprints` was made from."""
    for side_px, samples in ((1024, 1), (1024, 2), (512, 2), (1536, 2), (1024, 8)):
        print(f"UNet {side_px} px, {samples} samples: {unet_mib(side_px, samples):,.0f} MiB")
    for side_px in (512, 1024, 1536):
        print(f"VAE {side_px} px: {vae_mib(side_px):,.0f} MiB in bf16, {vae_mib(side_px, torch.float32):,.0f} in fp32")
    print(f"VAE 1024 px in tiles of 512: {vae_mib(1024, tile_px=512):,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
