"""Where the modules of a diffusers pipeline lie: put on the card as the plan says, moved off it and back, weighed."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from workers.host_copy import off_card, onto_card
from workers.load_plan import LoadPlan
from workers.nf4 import quantise_nf4
from workers.out_of_vram import free_cache, named_out_of_vram

HOST = "cpu"
#: Parts that four bits shrink; the VAE is all convolutions.
PACKED_PARTS = ("unet", "text_encoder", "text_encoder_2")


def place(pipe: Any, plan: LoadPlan, dtype: torch.dtype, done: Collection[str] = ()) -> None:
    """Put a pipeline that was read into host memory where the plan wants it.

    Args:
        dtype: what nf4 weights unpack to.
        done: parts that were placed for another model, which shares them.

    Raises:
        EngineFailed: four bits did not take effect.
    """
    if plan.precision == "nf4":
        device = HOST if offloads(plan) else plan.device
        for name in PACKED_PARTS:
            if name not in done:
                quantise_nf4(getattr(pipe, name), device=device, compute_dtype=dtype)
    if not offloads(plan):
        pipe.to(plan.device)
    elif plan.offload == "model":
        pipe.enable_model_cpu_offload(device=plan.device)
    else:
        pipe.enable_sequential_cpu_offload(device=plan.device)


def offloads(plan: LoadPlan) -> bool:
    """Whether hooks move modules during a job. Never on a CPU: all lies in host memory, and the hooks refuse to run."""
    return plan.offload != "none" and torch.device(plan.device).type != HOST


def move(modules: Collection[nn.Module], device: str, *, back: str) -> None:
    """Move modules; if they do not fit, all are back where they were.

    Raises:
        OutOfVram: they did not fit.
    """
    try:
        with named_out_of_vram(f"moving to {device}"):
            _move(modules, device)
    except Exception:
        _move(modules, back)
        raise
    finally:
        free_cache()


def _move(modules: Iterable[nn.Module], device: str) -> None:
    for module in modules:
        off_card(module) if device == HOST else onto_card(module, device)


def modules_of(pipe: Any) -> dict[str, nn.Module]:
    """A pipeline's parts that have weights."""
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


def held_mib(modules: Iterable[nn.Module], device: str) -> int:
    """The weights that lie on the device now."""
    kind = torch.device(device).type
    return -(-sum(tensor.nbytes for tensor in _tensors(modules) if tensor.device.type == kind) // 2**20)


def _tensors(modules: Iterable[nn.Module]) -> Iterator[torch.Tensor]:
    for module in modules:
        yield from module.parameters()
        yield from module.buffers()
