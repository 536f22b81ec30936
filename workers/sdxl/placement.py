"""Where the modules of a diffusers pipeline lie: put on the card as the plan says, moved off it and back, weighed."""

from collections.abc import Iterator
from typing import Any

import torch

from workers.load_plan import LoadPlan
from workers.nf4 import quantise_nf4
from workers.out_of_vram import free_cache, named_out_of_vram

HOST = "cpu"


def place(pipe: Any, plan: LoadPlan, dtype: torch.dtype) -> None:
    """Put a pipeline that was read into host memory where the plan wants it.

    Args:
        dtype: what nf4 weights unpack to.
    """
    if plan.precision == "nf4":
        quantise_nf4(pipe.unet, device=HOST if offloads(plan) else plan.device, compute_dtype=dtype)
    if not offloads(plan):
        pipe.to(plan.device)
    elif plan.offload == "model":
        pipe.enable_model_cpu_offload(device=plan.device)
    else:
        pipe.enable_sequential_cpu_offload(device=plan.device)


def offloads(plan: LoadPlan) -> bool:
    """Whether hooks move modules during a job. Never on a CPU: all lies in host memory, and the hooks refuse to run."""
    return plan.offload != "none" and torch.device(plan.device).type != HOST


def move(pipe: Any, device: str, *, back: str) -> None:
    """Move all modules; if they do not fit, all are back where they were.

    Raises:
        OutOfVram: they did not fit.
    """
    try:
        with named_out_of_vram(f"moving to {device}"):
            pipe.to(device, silence_dtype_warnings=True)
    except Exception:
        pipe.to(back, silence_dtype_warnings=True)
        raise
    finally:
        free_cache()


def held_mib(pipe: Any, device: str) -> int:
    """The weights that lie on the device now."""
    kind = torch.device(device).type
    return -(-sum(tensor.nbytes for tensor in _tensors(pipe) if tensor.device.type == kind) // 2**20)


def _tensors(pipe: Any) -> Iterator[torch.Tensor]:
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            yield from part.parameters()
            yield from part.buffers()
