"""An engine without torch that does what its prompt says, for fault tests: `pace=50 die=2` takes 50 ms a step and kills
its own process in step 2.

    pace=MS    milliseconds a step
    die=N      SIGKILL to itself in step N
    hang=N     never comes back from step N
    raise=N    an exception nobody expected in step N
    oom=N      out of VRAM in step N
    poison=N   an illegal access in step N: every later call would fail
    leak=N     step N loses memory that no unload brings back
    under=MIB  only on workers whose budget is smaller
    once=N     break only the first time: a file named after N remembers
"""

import importlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shared.errors import OutOfVram
from shared.models.catalogue import ModelCard
from workers.devices import slot
from workers.engines.base import EngineKind, GenerateWork, LoadPlan, Watch

HANG_S = 3600.0


class FaultEngine:
    """See `workers.engines.base.GenerateEngine`."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def held_mib(self) -> int:
        return 1

    def close(self) -> None:
        """Nothing is held."""

    def generate(self, works: list[GenerateWork], watch: Watch) -> list[list[Image.Image]]:
        orders = [orders_in(work.params.prompt) for work in works]
        orders = [order for order in orders if not _is_done(order) and _is_meant(order)] or [{}]
        steps = works[0].params.steps
        for step in range(1, steps + 1):
            time.sleep(max(order.get("pace", 0) for order in orders) / 1000)
            for order in orders:
                _obey(order, step)
            watch.step(step, steps)
        return [[_noise(seed, work) for seed in work.params.seeds()] for work in works]


def orders_in(prompt: str) -> dict[str, int]:
    """The `name=number` words of a prompt."""
    pairs = (word.partition("=") for word in prompt.split())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def _is_done(order: dict[str, int]) -> bool:
    """Whether an order to break once was obeyed before."""
    if "once" not in order:
        return False
    mark = Path(tempfile.gettempdir()) / f"darkroom-fault-{order['once']}"
    if mark.exists():
        return True
    mark.touch()
    return False


def _is_meant(order: dict[str, int]) -> bool:
    """Whether the order concerns a worker of this size."""
    return "under" not in order or slot.from_environment().budget_mib < order["under"]


def _obey(order: dict[str, int], step: int) -> None:
    if order.get("die") == step:
        os.kill(os.getpid(), signal.SIGKILL)
    if order.get("hang") == step:
        time.sleep(HANG_S)
    if order.get("raise") == step:
        raise ValueError("as ordered")
    if order.get("leak") == step:
        tasks: Any = sys.modules["workers.tasks"]
        tasks._owned["runner"]._runtime.residency._evictions.leaked_mib += 1
    if order.get("poison") == step:
        torch: Any = importlib.import_module("torch")
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered (as ordered)")
    if order.get("oom") == step:
        raise OutOfVram("as ordered: 1 MiB missing")


def _noise(seed: int, work: GenerateWork) -> Image.Image:
    size = (work.params.height, work.params.width, 3)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


def _load(card: ModelCard, path: Path, plan: LoadPlan) -> FaultEngine:
    return FaultEngine(card)


KIND = EngineKind(load=_load)
