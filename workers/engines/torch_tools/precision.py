"""A load plan's precision → the torch types a device really computes in.

What libraries decide by the CPU they find, and what becomes of it here:

    pinned     half precision: none on CPUs, whatever their instructions (below)
               four bits: the portable path (`nf4`); kernels from a hub: none (`hub_kernels`)
               threads, and how idle ones wait: set for every library (`slot_process.thread_settings`,
               `analysis.onnx_session`), measured per model (`threads`), within affinity and quotas (`cores`)
    recorded   the number of threads: in results, in PNGs, in a worker's report
    stays      vector width (SSE, AVX2, AVX-512) and with it the last bits of fp32 in torch, oneDNN, MKL and onnxruntime

So a seed means the same picture to the last bit on one kind of CPU with one number of threads, and the same to the eye
elsewhere. Tests compare with what the same process computes, never with stored pixels.

What half precision is on a card depends on what the weights were trained and published in.
"""

import torch

from workers.engines.base import LoadPlan


def dtype_of(plan: LoadPlan) -> torch.dtype:
    """Of models published in bf16 or fp32 (Moondream, classifiers): weights and activations, with nf4 of all but the
    packed weights. Cards before Ampere have no bf16 and get fp16.
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
    """Of SDXL's VAE, which overflows in fp16: fp32, or bf16 (less exact, half the memory) where the card has it."""
    if torch.device(plan.device).type == "cpu" or plan.vae_precision == "fp32" or not _has_bf16():
        return torch.float32
    return torch.bfloat16


def _computes_in_fp32(plan: LoadPlan) -> bool:
    return torch.device(plan.device).type == "cpu" or plan.precision == "fp32"


def _has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)
