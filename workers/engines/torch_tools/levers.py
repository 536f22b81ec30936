"""What may make a card quicker and is not free of risk: each lever is off unless `DARKROOM_LEVERS` names it.

    lever               of           what it does                                       what it may cost
    tf32                process      fp32 products in TF32 (10 bits of mantissa)        digits of an fp32 VAE
    fp16_accumulation   process      fp16 products summed in fp16                       range: sums above 65,504
    cudnn_benchmark     process      cuDNN tries its algorithms for each new shape      a slow first step a shape; memory
    channels_last       UNet, VAE    convolutions read pixels, not planes               other last bits
    fused_projections   UNet         query, key and value in one product                other last bits
    compiled_blocks     UNet         transformer blocks compiled (needs a C compiler)   minutes at the first load
    traced_passes       UNet         no Python between its operators (`traced`)         RAM for what is written down
    fp8_storage         plan         a rung: the UNet's weights in eight bits           digits of a picture
    group_offload       plan         offloaded layers are copied ahead, with streams    page-locked RAM for all of them
    encoders_to_host    plan         text encoders are on the GPU only to encode        their way there for each new prompt

On a CPU passes are traced without being asked: there it was measured, and costs nothing that a picture shows. Those of a plan are
pulled where plans are made (`memory.budget.rungs_of`, `engines.base.hosts_encoders`), and obeyed where
models are placed.

None has been measured on a card by us: `make bench-gpu` does (stages `step_times`, `placements`, `switching`), and docs/gpus.md
has others' figures.
What a lever cannot do here (no card, packed or offloaded weights, no compiler) is left out and logged, never half done.
"""

import shutil
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import nn

from shared.log import logger
from shared.settings import Lever
from workers.engines.base import LoadPlan, hosts_encoders

#: Names by which Triton and Inductor look for a compiler.
COMPILERS = ("cc", "gcc", "clang")


def pull_for_process(levers: Collection[Lever], *, is_cpu: bool) -> list[Lever]:
    """Pull those that hold for the whole process; returns them. They are CUDA's: a CPU has none."""
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    ways: Mapping[Lever, tuple[Any, str]] = {
        "tf32": (matmul, "allow_tf32"),
        "fp16_accumulation": (matmul, "allow_fp16_accumulation"),
        "cudnn_benchmark": (cudnn, "benchmark"),
    }
    pulled: list[Lever] = []
    for lever, (owner, switch) in ways.items():
        if lever not in levers:
            continue
        if is_cpu:
            _left_out(lever, "it is for CUDA cards")
            continue
        setattr(owner, switch, True)
        pulled.append(lever)
    return pulled


def pull_for_model(unet: nn.Module, vae: nn.Module | None, plan: LoadPlan) -> list[Lever]:
    """Pull those of one SDXL model, before it is put on its device; returns them.

    Args:
        vae: None: another model shares it, and has it as it was read.
    """
    pulled: list[Lever] = []
    for lever, pull in (_OF_A_MODEL | _OF_A_PLAN).items():
        if lever not in plan.levers:
            continue
        if reason := _why_not(lever, plan):
            _left_out(lever, reason)
            continue
        pull(unet, vae)
        pulled.append(lever)
    return pulled


def traces(unet: nn.Module, plan: LoadPlan) -> bool:
    """Whether the passes of a UNet that is placed are traced."""
    wanted = plan.device.startswith("cpu") or "traced_passes" in plan.levers
    return wanted and not is_compiled(unet) and not _why_not("traced_passes", plan)


def is_compiled(module: nn.Module) -> bool:
    """Whether any part of it is compiled at its first call."""
    return any(getattr(part, "_compiled_call_impl", None) is not None for part in module.modules())


def _why_not(lever: Lever, plan: LoadPlan) -> str:
    """Why this plan's model goes without; "": it does not."""
    if lever in _OF_A_PLAN:
        return _why_no_plan_has(lever, plan)
    if lever not in ("compiled_blocks", "traced_passes"):
        return ""
    if plan.offload != "none" or plan.precision in ("nf4", "fp8"):
        return "weights that are packed or visit the GPU layer by layer cannot be written into a graph"
    if lever == "compiled_blocks" and not any(map(shutil.which, COMPILERS)):
        return f"it needs a C compiler: none of {', '.join(COMPILERS)} is here"
    return ""


def _why_no_plan_has(lever: Lever, plan: LoadPlan) -> str:
    if plan.device.startswith("cpu"):
        return "it is for cards"
    if lever == "encoders_to_host" and not hosts_encoders(plan):
        return "all of the model waits in host memory"
    return ""


def _channels_last(unet: nn.Module, vae: nn.Module | None) -> None:
    import torch

    for part in (unet, vae):
        if part is not None:
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fused_projections(unet: Any, vae: nn.Module | None) -> None:
    """diffusers keeps the single projections beside the fused one, which would cost a fifth of the UNet's memory."""
    unet.fuse_qkv_projections()
    for part in unet.modules():
        if getattr(part, "fused_projections", False):
            for single in ("to_k", "to_v") if part.is_cross_attention else ("to_q", "to_k", "to_v"):
                delattr(part, single)


def _compiled_blocks(unet: Any, vae: nn.Module | None) -> None:
    unet.compile_repeated_blocks(fullgraph=True, dynamic=True)


def _as_planned(unet: Any, vae: nn.Module | None) -> None:
    """Nothing is left to do."""


#: In the order in which they must be pulled: compiling takes what is there. Passes are traced by the engine (`traces`).
_OF_A_MODEL: dict[Lever, Callable[[Any, nn.Module | None], None]] = {
    "channels_last": _channels_last,
    "fused_projections": _fused_projections,
    "compiled_blocks": _compiled_blocks,
    "traced_passes": _as_planned,
}


#: Of the plan: whoever made it has pulled them, and whoever places the model does as it says.
_OF_A_PLAN: dict[Lever, Callable[[Any, nn.Module | None], None]] = {
    "fp8_storage": _as_planned,
    "group_offload": _as_planned,
    "encoders_to_host": _as_planned,
}


def _left_out(lever: Lever, reason: str) -> None:
    logger().warning("lever.left_out", lever=lever, reason=reason)
