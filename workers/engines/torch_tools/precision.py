"""A load plan's precision → the torch types a device really computes in, and linears in four bits.

What libraries decide by the CPU they find, and what becomes of it here:

    pinned     half precision: none on CPUs, whatever their instructions (below)
               four bits: the portable path (below); kernels from a hub: none (`hub_kernels`)
               threads, and how idle ones wait: set for every library (`slot_process.thread_settings`,
               `classifiers.onnx_session`), measured per model (`execution.threads`), within affinity and quotas
    recorded   the number of threads: in results, in PNGs, in a worker's report
    stays      vector width (SSE, AVX2, AVX-512) and with it the last bits of fp32 in torch, oneDNN, MKL and onnxruntime

So a seed means the same picture to the last bit on one kind of CPU with one number of threads, and the same to the eye
elsewhere. Tests compare with what the same process computes, never with stored pixels.

What half precision is on a GPU depends on what the weights were trained and published in.

Four bits (NF4) take the place of linears in any torch module. bitsandbytes packs 64 weights to one scale: 4.5 bits a
weight, 4.13 when the scales are quantised too. Only `nn.Linear` itself is swapped; norms, embeddings and convolutions stay
as they are. Libraries that quantise on their own refuse machines without a GPU; this works on CPU and CUDA alike.

They mean the same on every CPU. bitsandbytes asks each linear's CPU for AVX-512-BF16 and, where it is there, would pack
the weights anew at their first use: scales rounded to bf16, other numbers, and an error for rows that are no multiple of
32. Ours take the portable path everywhere: the weights unpack as they were packed, torch multiplies.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn

from shared.errors import EngineFailed
from workers.engines.base import LoadPlan

#: Weights that share one scale, in four bits.
BLOCK = 64


def dtype_of(plan: LoadPlan) -> torch.dtype:
    """Of models published in bf16 or fp32 (Moondream, classifiers): weights and activations, with nf4 of all but the
    packed weights. GPUs before Ampere have no bf16 and get fp16.
    """
    if _computes_in_fp32(plan):
        return torch.float32
    return torch.float16 if plan.precision == "fp16" or not _has_bf16() else torch.bfloat16


def diffusion_dtype_of(plan: LoadPlan) -> torch.dtype:
    """Of SDXL's UNet and text encoders. They are published in fp16: bf16 would drop three bits of every weight (error
    of the finished latents of the trained starter against fp32: 0.0080 in bf16, 0.00095 in fp16), and the files need
    no cast.
    """
    if _computes_in_fp32(plan):
        return torch.float32
    return torch.bfloat16 if plan.precision == "bf16" and _has_bf16() else torch.float16


def vae_dtype_of(plan: LoadPlan) -> torch.dtype:
    """Of SDXL's VAE, which overflows in fp16: fp32, or bf16 (less exact, half the memory) where the GPU has it."""
    if torch.device(plan.device).type == "cpu" or plan.vae_precision == "fp32" or not _has_bf16():
        return torch.float32
    return torch.bfloat16


def _computes_in_fp32(plan: LoadPlan) -> bool:
    return torch.device(plan.device).type == "cpu" or plan.precision == "fp32"


def _has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


@dataclass(frozen=True)
class Quantised:
    """What was done."""

    linears: int
    bytes_before: int  #: of the swapped weights, biases not counted
    bytes_after: int  #: with their scales


def quantise_nf4(
    module: nn.Module,
    *,
    device: str | torch.device = "cpu",
    compute_dtype: torch.dtype | None = None,
    double_quant: bool = False,
    exclude: Callable[[str, nn.Linear], bool] = lambda name, linear: False,
) -> Quantised:
    """Swap every linear that can be packed and is not excluded; each moves to the device and is packed there, in turn.

    Args:
        device: where the packed weights shall lie; the rest of the module is the caller's to move.
        compute_dtype: what they unpack to; the weight's own if None.
        exclude: given a linear's dotted name and itself, says whether to leave it alone.

    Raises:
        EngineFailed: nothing was left to quantise, or a weight did not become NF4.
    """
    chosen = [
        (name, linear)
        for name, linear in module.named_modules()
        if type(linear) is nn.Linear and can_be_packed(linear) and not exclude(name, linear)
    ]
    if not chosen:
        raise EngineFailed("no linear to quantise: none in the module, none that can be packed, or all excluded")
    before = after = 0
    for name, linear in chosen:
        before += linear.weight.nbytes
        packed = packed_linear(linear, torch.device(device), compute_dtype or linear.weight.dtype, double_quant)
        after += packed_nbytes(name, packed)
        module.set_submodule(name, packed)
    return Quantised(len(chosen), before, after)


def can_be_packed(linear: nn.Linear) -> bool:
    """Whether four bits suit a linear; others stay as they are, on every device alike.

    Two weights share a byte, so a row must have an even number of them: bitsandbytes' kernels cannot read odd rows, and
    what it does instead is compiled for each shape where a compiler happens to be. And one scale serves 64 weights: a
    linear with fewer would hardly shrink.
    """
    return linear.in_features % 2 == 0 and linear.weight.numel() >= BLOCK


def packed_linear(
    linear: nn.Linear, device: torch.device, compute_dtype: torch.dtype, double_quant: bool
) -> Linear4bit:
    """The NF4 form of one linear, on the device."""
    packed = Linear4bit(
        linear.in_features,
        linear.out_features,
        bias=linear.bias is not None,
        compute_dtype=compute_dtype,
        compress_statistics=double_quant,
        quant_type="nf4",
        device="meta",
    )
    packed.weight = Params4bit(
        linear.weight.data,
        requires_grad=False,
        compress_statistics=double_quant,
        quant_type="nf4",
        module=packed,
    )
    packed.bias = linear.bias
    # What bitsandbytes found of this CPU; it only looks at it where the input lies on one.
    packed.support_avx512bf16_for_cpu = False
    return packed.requires_grad_(False).to(device).eval()


def packed_nbytes(name: str, packed: Linear4bit) -> int:
    """The size of a packed weight with its scales; raises EngineFailed if it is not packed."""
    state = packed.weight.quant_state
    if packed.weight.dtype != torch.uint8 or state is None or state.quant_type != "nf4":
        raise EngineFailed(f"{name} stayed {packed.weight.dtype} instead of becoming NF4")
    scales = [state.absmax] + ([state.state2.absmax] if state.nested else [])
    return packed.weight.nbytes + sum(scale.nbytes for scale in scales)
