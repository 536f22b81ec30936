"""The VAE of a loaded SDXL model: what it gives up when memory or range is short, and how it is put back.

Short of memory it works in tiles from then on, to the end of the call. One that overflows in fp16 works in fp32, in
every call from then on. The watch is told either time.
"""

from collections.abc import Sequence
from typing import Any

import torch

from shared.contracts.generation import GenerationParams
from shared.errors import NotFinite, OutOfVram
from workers.engines.base import LoadPlan, Watch
from workers.engines.sdxl import vae_decoding
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram

#: What a record's `degradations` call tiles, and a wider range than the plan's.
TILED, UPCAST = "vae_tiling", "upcast"


class Vae:
    """A pipeline's VAE, for as long as its engine lives.

    Args:
        module: on the plan's device, in the plan's precision.
    """

    def __init__(self, module: Any, plan: LoadPlan) -> None:
        self._module = module
        self._plan = plan
        self._dtype = module.dtype
        #: Whether it was found to overflow in fp16, though its configuration does not say so.
        self._overflows = False

    @property
    def is_tiled(self) -> bool:
        return bool(self._module.use_tiling)

    @property
    def may_go_wider(self) -> bool:
        """Whether there is a precision with a wider range than the one it works in."""
        return bool(self._dtype == torch.float16 and not self._module.config.force_upcast)

    def prepare(self, params: GenerationParams, watch: Watch) -> None:
        """As the plan wants it, for one call."""
        if self._overflows:
            watch.degrade(UPCAST)
        self._module.use_slicing = self._plan.vae_slicing
        if self._plan.vae_tiling:
            vae_decoding.tile(self._module, params.width, params.height)

    def restore(self) -> None:
        """As it was before the call, whatever was given up in it."""
        self._module.disable_tiling()
        if self._module.dtype != self._dtype:
            self._module.to(dtype=self._dtype)

    def tile(self, params: GenerationParams, watch: Watch) -> None:
        """Go over to tiles."""
        vae_decoding.tile(self._module, params.width, params.height)
        watch.degrade(TILED)

    def go_wider(self, watch: Watch) -> None:
        """Read and write pictures in fp32 from now on. The setting is the one by which diffusers itself does so."""
        self._module.register_to_config(force_upcast=True)
        self._overflows = True
        watch.degrade(UPCAST)

    def decode(
        self, latents: torch.Tensor, names: Sequence[str], params: GenerationParams, watch: Watch
    ) -> torch.Tensor:
        """(B, 3, H, W) in −1..1; in tiles, one at a time, if they do not fit otherwise; in fp32 if fp16 overflows.

        Args:
            names: of the rows, e.g. "seed 7".

        Raises:
            OutOfVram, NotFinite: also so.
        """
        try:
            values = self._decode_once(latents)
            refuse_non_finite(values, "the pixels", list(names))
            return values
        except OutOfVram as exc:
            refusal = exc.message
        except NotFinite:
            if not self.may_go_wider:
                raise
            self.go_wider(watch)
            return self.decode(latents, names, params, watch)
        free_cache()
        if self.is_tiled:
            raise OutOfVram(refusal)
        self.tile(params, watch)
        self._module.enable_slicing()
        return self.decode(latents, names, params, watch)

    def _decode_once(self, latents: torch.Tensor) -> torch.Tensor:
        with named_out_of_vram(f"decoding {latents.shape[0]} × {latents.shape[3] * 8}×{latents.shape[2] * 8}"):
            return vae_decoding.decode(latents, self._module)
