"""A load plan's precision → the torch type a device really computes in."""

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
