"""The UNet's weights in eight bits (fp8 e4m3): each layer is widened while it works, by diffusers' layerwise casting.

Half the memory of fp16; the arithmetic is that of the wider type. A weight keeps three of its mantissa's ten bits, and a range of
448. Norms stay as they are: they are small, and whatever they get wrong the whole picture has.

The limit we know of: a layer that breaks off in the middle of its work stays wide until it works again.
"""

from typing import Any

import torch

from shared.errors import EngineFailed

STORED = torch.float8_e4m3fn


def store(unet: Any, compute_dtype: torch.dtype) -> None:
    """Keep a UNet's weights in eight bits from now on.

    Args:
        compute_dtype: what a layer's weights are widened to.

    Raises:
        EngineFailed: nothing was left to store so.
    """
    unet.enable_layerwise_casting(STORED, compute_dtype=compute_dtype)
    if not any(weight.dtype == STORED for weight in unet.parameters()):
        raise EngineFailed("no weight of the UNet could be stored in eight bits")
