"""Stage 1: what is installed, what the driver and CUDA say of the card, what a context costs, is our pid in the list."""

import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from tests.bench.card.where import MIB, Where, attempted
from workers.devices.gpu import list_gpus
from workers.devices.snapshot import Snapshot
from workers.engines.torch_tools.cuda_probe import refusal

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "bitsandbytes", "peft", "onnxruntime", "safetensors")


def run(where: Where) -> dict[str, Any]:
    before = _our_card()
    found: dict[str, Any] = {
        "versions": {name: _version(name) for name in PACKAGES},
        "cuda": torch.version.cuda,
        "c_compiler": shutil.which("cc") or shutil.which("gcc"),
        "refused": refusal(),
        "nf4": attempted(lambda: _nf4(where)),
        "cpu_cores": len(os.sched_getaffinity(0)),
    }
    if where.is_dry:
        return found
    return {**found, **_of_card(before)}


def _of_card(before: Snapshot | None) -> dict[str, Any]:
    card = torch.cuda.get_device_properties(0)
    nvml, cuda_mib = _our_card(), torch.cuda.mem_get_info()[1] / MIB
    x = torch.randn(1, 64, 256, 256, device="cuda:0", dtype=torch.float16)
    torch.nn.functional.conv2d(x, torch.randn(64, 64, 3, 3, device="cuda:0", dtype=torch.float16))
    torch.cuda.synchronize()
    del x
    torch.cuda.empty_cache()
    after = _our_card()
    pids = [process.pid for process in nvml.processes] if nvml else []
    return {
        "card": card.name,
        "capability": f"{card.major}.{card.minor}",
        "driver": nvml and nvml.driver,
        "nvml_total_mib": nvml and nvml.total_mib,
        "cuda_total_mib": round(cuda_mib),
        "nvml_over_cuda": nvml and round(nvml.total_mib / cuda_mib, 4),
        "has_bf16": torch.cuda.is_bf16_supported(including_emulation=False),
        "used_before_mib": before and before.used_mib,
        "context_mib": _grown(before, nvml),
        "context_with_cublas_and_cudnn_mib": _grown(before, after),
        "nvml_lists_pids": len(pids),
        "nvml_lists_our_pid": os.getpid() in pids,
        "counts_energy": bool(nvml and nvml.energy_j is not None),
    }


def _grown(before: Snapshot | None, after: Snapshot | None) -> int | None:
    if before is None or after is None or before.used_mib is None or after.used_mib is None:
        return None
    return after.used_mib - before.used_mib


def _our_card() -> Snapshot | None:
    """What NVML says of the card that torch sees first."""
    cards = list_gpus()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    return next((card for card in cards if wanted in (card.uuid, card.label)), cards[0] if cards else None)


@torch.no_grad()
def _nf4(where: Where) -> dict[str, float]:
    from workers.engines.torch_tools.precision import quantise_nf4

    dtype = torch.float32 if where.is_dry else torch.float16
    net = torch.nn.Sequential(torch.nn.Linear(256, 256)).to(dtype)
    x = torch.randn(4, 256, device=where.device, dtype=dtype)
    true = net.to(where.device)(x)
    quantise_nf4(net, device=where.device, compute_dtype=dtype)
    return {"relative_error": round(float((net.to(where.device)(x) - true).norm() / true.norm()), 3)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
