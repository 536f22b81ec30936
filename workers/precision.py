"""A load plan's precision → the torch type a device really computes in.

What libraries decide by the CPU they find, and what becomes of it here:

    pinned     half precision: none on CPUs, whatever their instructions (below)
               four bits: the portable path (`nf4`); kernels from a hub: none (`hub_kernels`)
               threads, and how idle ones wait: set for every library (`slot_process.thread_settings`,
               `analysis.onnx_session`), measured per model (`threads`), within affinity and quotas (`cores`)
    recorded   the number of threads: in results, in PNGs, in a worker's report
    stays      vector width (SSE, AVX2, AVX-512) and with it the last bits of fp32 in torch, oneDNN, MKL and onnxruntime

So a seed means the same picture to the last bit on one kind of CPU with one number of threads, and the same to the eye
elsewhere. Tests compare with what the same process computes, never with stored pixels.
"""

import torch

from workers.load_plan import LoadPlan


def dtype_of(plan: LoadPlan) -> torch.dtype:
    """Of weights and activations (with nf4: of all but the packed weights).

    CPUs get fp32 whatever the plan says: half precision is about 8 times slower there. Cards before Ampere have no
    bf16 and get fp16.
    """
    if torch.device(plan.device).type == "cpu" or plan.precision == "fp32":
        return torch.float32
    if plan.precision == "fp16" or not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16
