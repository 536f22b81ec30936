"""Stage 4: milliseconds of one guided denoising step at full size, lever by lever, by the card's own clock."""

import shutil
from collections.abc import Callable
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from tests.bench.card.memory import unet_inputs
from tests.bench.card.where import MIB, Where, attempted
from workers.engines.sdxl import eight_bits
from workers.engines.sdxl.offloading import enable_streams
from workers.engines.torch_tools.precision import quantise_nf4
from workers.engines.torch_tools.traced import Traced

#: One picture with guidance; four.
SAMPLES = (2, 8)


@torch.no_grad()
def run(where: Where) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, dtype in where.dtypes.items():
        unet = _unet(where, dtype)
        found[name] = _timed(where, unet, dtype)
        unet = unet.to(memory_format=torch.channels_last)
        found[f"{name}, channels_last"] = _timed(where, unet, dtype)
    half_name, half = list(where.dtypes.items())[-1]
    found[f"{half_name}, traced passes"] = attempted(lambda: _traced(where, half))
    for lever, pull in LEVERS.items():
        found[f"{half_name}, {lever}"] = attempted(lambda p=pull: _with(where, half, p))
        where.free()
    return found


def _with(where: Where, dtype: torch.dtype, pull: Callable[[Where, Any, torch.dtype], Any]) -> dict[str, Any]:
    unet = _unet(where, dtype)
    undo = pull(where, unet, dtype)
    try:
        return _timed(where, unet, dtype)
    finally:
        if callable(undo):
            undo()


def _traced(where: Where, dtype: torch.dtype) -> dict[str, Any]:
    unet = _unet(where, dtype)
    return _timed(where, unet, dtype, Traced(unet, after=0))


def _unet(where: Where, dtype: torch.dtype) -> Any:
    return where.module(lambda: UNet2DConditionModel(**where.unet), dtype).eval()


def _timed(where: Where, unet: Any, dtype: torch.dtype, traced: Traced | None = None) -> dict[str, Any]:
    """
    Args:
        traced: is called in its place.
    """
    ask, found = traced or unet, dict[str, Any]()
    for samples in SAMPLES[:1] if where.is_dry else SAMPLES:
        inputs = unet_inputs(where, dtype, samples)
        warm_s = where.seconds(lambda i=inputs: ask(**i))
        where.seconds(lambda i=inputs: ask(**i))
        found[f"{samples} samples"] = {
            "step_ms": round(where.step_ms(lambda i=inputs: ask(**i), 2 if where.is_dry else 8), 1),
            "first_s": round(warm_s, 2),
            **where.peaks(lambda i=inputs: ask(**i)),
        }
    return found | {"weights_mib": round(sum(p.nbytes for p in unet.parameters()) / MIB)}


# -- levers: each changes the UNet in place, and may return how to undo what is not the UNet's own ---------------------


def _fp16_accumulation(where: Where, unet: Any, dtype: torch.dtype) -> Callable[[], None]:
    matmul = torch.backends.cuda.matmul
    matmul.allow_fp16_accumulation = True

    def undo() -> None:
        matmul.allow_fp16_accumulation = False

    return undo


def _cudnn_benchmark(where: Where, unet: Any, dtype: torch.dtype) -> Callable[[], None]:
    torch.backends.cudnn.benchmark = True

    def undo() -> None:
        torch.backends.cudnn.benchmark = False

    return undo


def _fp8_storage(where: Where, unet: Any, dtype: torch.dtype) -> None:
    eight_bits.store(unet, dtype)


def _nf4(where: Where, unet: Any, dtype: torch.dtype) -> None:
    quantise_nf4(unet, device=where.device, compute_dtype=dtype)


def _group_offload(where: Where, unet: Any, dtype: torch.dtype) -> None:
    unet.to("cpu")
    enable_streams(unet, where.device)


def _fused_projections(where: Where, unet: Any, dtype: torch.dtype) -> None:
    unet.fuse_qkv_projections()


def _compiled_blocks(where: Where, unet: Any, dtype: torch.dtype) -> Callable[[], None]:
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        raise FileNotFoundError("torch.compile needs a C compiler, and there is none")
    unet.to(memory_format=torch.channels_last)
    unet.compile_repeated_blocks(fullgraph=True, dynamic=True)
    return torch.compiler.reset


#: Compiling comes last: it may take minutes.
LEVERS: dict[str, Callable[[Where, Any, torch.dtype], Any]] = {
    "fp16 accumulation": _fp16_accumulation,
    "cudnn.benchmark": _cudnn_benchmark,
    "fused projections": _fused_projections,
    "fp8 storage": _fp8_storage,
    "nf4": _nf4,
    "group offload": _group_offload,
    "compiled blocks": _compiled_blocks,
}
