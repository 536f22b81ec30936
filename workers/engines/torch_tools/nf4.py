"""The linears of any torch module in four bits (NF4), in place.

bitsandbytes packs 64 weights to one scale: 4.5 bits a weight, 4.13 when the scales are quantised too. Only
`nn.Linear` itself is swapped; norms, embeddings and convolutions stay as they are. Libraries that quantise on their
own refuse machines without a GPU; this works on CPU and CUDA alike.

Four bits mean the same on every CPU. bitsandbytes asks each linear's CPU for AVX-512-BF16 and, where it is there, would
pack the weights anew at their first use: scales rounded to bf16, other numbers, and an error for rows that are no
multiple of 32. Ours take the portable path everywhere: the weights unpack as they were packed, torch multiplies.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn

from shared.errors import EngineFailed

#: Weights that share one scale.
BLOCK = 64


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
