"""A module's way off the card and back: into page-locked memory where there is plenty, because copies from there are
two to three times as fast.

Page-locked blocks are rounded up to powers of two by torch, and nobody else can use them; so they are only taken where
the host has several times what is moved. Packed four-bit weights go the plain way: their scales move with the module.
"""

import psutil  # type: ignore[import-untyped]
import torch
from bitsandbytes.nn import Linear4bit
from torch import nn

#: Free RAM must be so many times what is pinned.
PLENTY = 3


def off_card(module: nn.Module) -> None:
    """Into host memory.

    Raises:
        MemoryError: the host has none; the caller moves the module back.
    """
    tensors = [*module.parameters(), *module.buffers()]
    if not _may_pin(module, tensors):
        module.to("cpu")
        return
    for tensor in tensors:
        tensor.data = _pinned(tensor.data)


def onto_card(module: nn.Module, device: str) -> None:
    """Onto the device; kernels that follow wait for the copy by themselves."""
    module.to(device, non_blocking=torch.device(device).type == "cuda")


def _may_pin(module: nn.Module, tensors: list[torch.Tensor]) -> bool:
    size = sum(tensor.nbytes for tensor in tensors if tensor.is_cuda)
    if size == 0 or any(isinstance(part, Linear4bit) for part in module.modules()):
        return False
    return bool(psutil.virtual_memory().available > PLENTY * size)


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_cuda:
        return tensor
    return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor)
