"""What one worker may use of its GPU, and the modes that decide how much is given up for it.

`MODES` is the one table of quantities behind low, balanced and high: what is left to others, how many large models may
stay, and the ways to put a model, most wanted first. `planner` tries these from the left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.settings import Lever
from workers.engines.base import Offload, VaePrecision

#: CUDA context, cuBLAS and cuDNN handles of one process (published 300–500 MiB on Ampere and newer, CUDA 12).
CONTEXT_MIB = 450
#: What fragmentation and the allocator's rounding may cost, of the whole GPU. Torch rounds large blocks to 2 MiB.
MARGIN_SHARE = 0.03
#: Models above this count against a mode's `max_large_residents`.
LARGE_MIB = 1024


@dataclass(frozen=True)
class Rung:
    """One way to put a model on a GPU."""

    #: What half precision is, the model says: fp16 for image models, bf16 for the others where the GPU has it.
    precision: Literal["half", "fp8", "nf4"]
    offload: Offload = "none"
    vae_tiling: bool = False
    #: fp32 decodes without the grain of bf16 and takes twice the room; GPUs without bf16 know nothing else.
    vae_precision: VaePrecision = "bf16"


@dataclass(frozen=True)
class Mode:
    """One row of the table."""

    #: Left to the desktop and to other programs.
    reserve_mib: int
    #: Ways to put a model, most wanted first.
    rungs: tuple[Rung, ...]
    #: Models above LARGE_MIB that may stay loaded at once; the budget limits them too.
    max_large_residents: int


_EXACT, _PLAIN = Rung("half", vae_precision="fp32"), Rung("half")
_EXACT_TILED, _TILED = Rung("half", vae_tiling=True, vae_precision="fp32"), Rung("half", vae_tiling=True)
_NF4, _NF4_OFFLOADED = Rung("nf4", vae_tiling=True), Rung("nf4", "model", vae_tiling=True)
_OFFLOADED, _LAYERWISE = Rung("half", "model", vae_tiling=True), Rung("half", "sequential", vae_tiling=True)
#: Where the levers of these names are pulled; see `rungs_of`.
_FP8, _GROUPED = Rung("fp8", vae_tiling=True), Rung("half", "group", vae_tiling=True)
#: Nothing but the VAE gives way in these.
_WHOLE = (_EXACT, _PLAIN, _EXACT_TILED, _TILED)

#: The modes. Low keeps the GPU usable for a desktop, high keeps every weight as it was trained.
MODES: Mapping[str, Mode] = {
    "low": Mode(reserve_mib=2048, max_large_residents=1, rungs=(_NF4, _NF4_OFFLOADED, _LAYERWISE)),
    "balanced": Mode(reserve_mib=1024, max_large_residents=8, rungs=(*_WHOLE, _NF4, _OFFLOADED, _LAYERWISE)),
    "high": Mode(reserve_mib=512, max_large_residents=16, rungs=(*_WHOLE, _OFFLOADED, _LAYERWISE)),
}


#: On a CPU four bits save memory and cost a lot of time: only where nothing else fits, whatever the mode.
CPU_RUNGS = (_EXACT, _EXACT_TILED, _NF4)


@dataclass(frozen=True)
class Budget:
    """What one worker may use of one GPU."""

    device: str
    mode: str
    total_mib: int
    reserve_mib: int
    #: All that the process may take, its context included.
    limit_mib: int
    context_mib: int
    margin_mib: int
    has_bf16: bool = True
    #: The kind of GPU, by which measured peaks are kept.
    gpu_type: str = "cpu"
    #: What the operator asked for: some change the ways to put a model, and what it takes.
    levers: tuple[Lever, ...] = ()

    @property
    def usable_mib(self) -> int:
        """Room for weights and work."""
        return max(0, self.limit_mib - self.context_mib - self.margin_mib)

    @property
    def process_mib(self) -> int:
        """What torch may reserve in this process; it does not count the context."""
        return max(0, self.limit_mib - self.context_mib)

    @property
    def is_cpu(self) -> bool:
        return self.device == "cpu"


def rungs_of(budget: Budget) -> tuple[Rung, ...]:
    """The ways to put a model, most wanted first: the mode's row, as levers change it. Pure.

    Storage in eight bits comes before four where a mode gives up precision only for want of room; offloading with streams takes
    the place of both kinds that have none. Four-bit weights are offloaded without: their scales lie outside torch's lists.
    """
    if budget.is_cpu:
        return CPU_RUNGS
    rungs = MODES[budget.mode].rungs
    if "fp8_storage" in budget.levers and _NF4 in rungs[1:]:
        place = rungs.index(_NF4)
        rungs = (*rungs[:place], _FP8, *rungs[place:])
    if "group_offload" in budget.levers:
        visits = [rung for rung in rungs if rung.offload != "none" and rung.precision == "half"]
        rungs = tuple(dict.fromkeys(_GROUPED if rung in visits else rung for rung in rungs))
    return rungs


def budget_for(
    total_mib: int,
    mode: str = "balanced",
    *,
    device: str = "cuda:0",
    budget_mib: int | None = None,
    reserve_mib: int | None = None,
    has_bf16: bool = True,
    gpu_type: str = "cpu",
    levers: tuple[Lever, ...] = (),
) -> Budget:
    """The budget of a GPU; `budget_mib` and `reserve_mib` (from the settings) win over the mode's row."""
    reserve = MODES[mode].reserve_mib if reserve_mib is None else reserve_mib
    limit = max(0, total_mib - reserve)
    limit = limit if budget_mib is None else min(limit, budget_mib)
    is_cpu = device == "cpu"
    return Budget(
        device=device,
        mode=mode,
        total_mib=total_mib,
        reserve_mib=reserve,
        limit_mib=limit,
        context_mib=0 if is_cpu else CONTEXT_MIB,
        margin_mib=round(MARGIN_SHARE * limit),
        has_bf16=has_bf16,
        gpu_type=gpu_type,
        levers=levers,
    )
