"""Where the modules of a diffusers pipeline lie: put on the GPU as the plan says, moved off it and back, weighed."""

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import nn

from workers.engines.base import LoadPlan, hosts_encoders
from workers.engines.sdxl import eight_bits, offloading
from workers.engines.torch_tools import host_copy
from workers.engines.torch_tools.host_copy import HOST, keep_on_host, off_gpu, onto_gpu
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram
from workers.engines.torch_tools.precision import quantise_nf4

MIB = 2**20
#: Parts that four bits shrink; the VAE is all convolutions.
PACKED_PARTS = ("unet", "text_encoder", "text_encoder_2")
#: Parts that may wait in host memory while nothing is encoded.
ENCODERS = ("text_encoder", "text_encoder_2")


def place(pipe: Any, plan: LoadPlan, dtype: torch.dtype, done: Collection[str] = ()) -> None:
    """Put a pipeline that was read into host memory where the plan wants it.

    Args:
        dtype: what nf4 weights unpack to.
        done: parts that were placed for another model, which shares them. Where this fails, they lie where they lay.

    Raises:
        OutOfVram: it does not fit.
        EngineFailed: four bits did not take effect.
    """
    parts = modules_of(pipe)
    for name in PACKED_PARTS if plan.precision == "nf4" else ():
        if name not in done:
            # On the GPU, also what will wait in host memory: on a CPU it takes minutes.
            quantise_nf4(parts[name], device=plan.device, compute_dtype=dtype)
            if offloads(plan):
                off_gpu(parts[name])
    if plan.precision == "fp8":
        eight_bits.store(parts["unet"], dtype)
    if offloads(plan):
        move(staying(pipe, plan), plan.device, back=HOST)
        offloading.enable([part for part in parts.values() if part not in staying(pipe, plan)], plan)
        return
    for name in ENCODERS if hosts_encoders(plan) else ():
        if name not in done:
            wait_on_host(parts[name])
    move([part for part in resident(pipe, plan) if not _lies_on(part, plan.device)], plan.device, back=HOST)


def wait_on_host(part: nn.Module) -> None:
    """Leave the GPU (four bits were packed there), with a copy that later visits are made from."""
    keep_on_host(part) if _lies_on(part, HOST) else off_gpu(part)


def staying(pipe: Any, plan: LoadPlan) -> list[nn.Module]:
    """Of an offloaded pipeline, what lies on the GPU all the while: with streams the VAE, which may change its precision in
    the middle of a job."""
    return [modules_of(pipe)["vae"]] if plan.offload == "group" else []


def resident(pipe: Any, plan: LoadPlan) -> list[nn.Module]:
    """Of a pipeline that is not offloaded, what lies on the GPU all the while."""
    visitors = ENCODERS if hosts_encoders(plan) else ()
    return [part for name, part in modules_of(pipe).items() if name not in visitors]


def offloads(plan: LoadPlan) -> bool:
    """Whether hooks move modules during a job. Never on a CPU: all lies in host memory anyway."""
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
        off_gpu(module) if device == HOST else onto_gpu(module, device)


def _lies_on(module: nn.Module, device: str) -> bool:
    kind = torch.device(device).type
    return all(place.tensor.device.type == kind for place in host_copy.places_of(module))


def modules_of(pipe: Any) -> dict[str, nn.Module]:
    """A pipeline's parts that have weights."""
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


def held_mib(modules: Iterable[nn.Module], device: str) -> int:
    """The weights that lie on the device now."""
    return -(-host_copy.device_nbytes(modules, device) // MIB)


def host_mib(modules: Iterable[nn.Module]) -> int:
    """The RAM that weights take now, those with a copy on the GPU included."""
    return -(-host_copy.host_nbytes(modules) // MIB)
