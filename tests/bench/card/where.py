"""Where a stage runs: on a card at the published sizes, or dry, on a CPU with toys, through the same code.

A dry run measures nothing worth keeping. It shows that every line of a stage runs, before a card is rented for it. Torch
loads on first use: seconds, which a stage that fails before need not pay.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from tests.bench.sdxl_sizes import UNET, VAE
from workers.engines.moondream.config import MOONDREAM_2B, SMALL_VOCAB_TOKENS, TINY, MoondreamConfig

if TYPE_CHECKING:
    import torch

MIB = 2**20
STARTERS = Path(__file__).resolve().parents[3] / "workers/starter/weights"
#: The UNet and the VAE with all their kinds of blocks, small enough for a CPU.
SMALL_UNET = UNET | {
    "block_out_channels": (32, 64, 64),
    "attention_head_dim": (2, 4, 4),
    "transformer_layers_per_block": (1, 1, 1),
    "cross_attention_dim": 64,
}
SMALL_VAE = VAE | {"block_out_channels": (32, 32, 32, 32), "sample_size": 64}


@dataclass(frozen=True)
class Where:
    """A device, and the sizes that suit it."""

    device: str
    is_dry: bool

    @property
    def side_px(self) -> int:
        return 64 if self.is_dry else 1024

    @property
    def dtypes(self) -> "Mapping[str, torch.dtype]":
        """The precisions to try: half precision on a CPU takes for ever."""
        import torch

        return {"fp32": torch.float32} if self.is_dry else {"bf16": torch.bfloat16, "fp16": torch.float16}

    @property
    def unet(self) -> dict[str, Any]:
        return SMALL_UNET if self.is_dry else UNET

    @property
    def vae(self) -> dict[str, Any]:
        return SMALL_VAE if self.is_dry else VAE

    @property
    def moondream(self) -> MoondreamConfig:
        return TINY if self.is_dry else replace(MOONDREAM_2B, tokens=SMALL_VOCAB_TOKENS)

    def module(self, build: Callable[[], Any], dtype: "torch.dtype", seed: int = 0) -> Any:
        """A module with random weights on the device."""
        from tests.gpu.full_size import made  # loads diffusers and transformers, which not every stage needs

        return made(build, self.device, seed).to(dtype)

    # -- measuring ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait for the card."""
        if not self.is_dry:
            import torch

            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        self.settle()
        since_s = time.perf_counter()
        work()
        self.settle()
        return time.perf_counter() - since_s

    def step_ms(self, work: Callable[[], object], times: int) -> float:
        """Milliseconds of one of `times` runs, by the card's own clock."""
        if self.is_dry:
            return 1000 * self.seconds(lambda: [work() for _ in range(times)]) / times
        import torch

        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(times):
            work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / times

    def peaks(self, work: Callable[[], object]) -> dict[str, float | None]:
        """The most that was allocated and reserved meanwhile, what was there before included; None on a CPU."""
        if self.is_dry:
            work()
            return {"allocated_mib": None, "reserved_mib": None}
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated_mib": round(allocated / MIB), "reserved_mib": round(reserved / MIB)}

    def free(self) -> None:
        if not self.is_dry:
            import torch

            torch.cuda.empty_cache()


def card_of(model: str) -> ModelCard:
    return load_catalogue(Settings()).get(model)


def attempted(work: Callable[[], Any]) -> Any:
    """What it found; where it fails, why. One form that does not run must not cost the others."""
    try:
        return work()
    except Exception as exc:
        return {"failed": f"{type(exc).__name__}: {str(exc).strip()[:300]}"}
