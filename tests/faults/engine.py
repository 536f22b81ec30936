"""An engine without torch that does what its prompt says, for fault tests: `pace=50 die=2` takes 50 ms a step and kills
its own process in step 2. It makes pictures a step at a time, in any company; or from end to end, as engines of others may.

    pace=MS    milliseconds a step
    die=N      SIGKILL to itself in step N
    hang=N     never comes back from step N
    raise=N    an exception nobody expected in step N
    oom=N      out of VRAM in step N
    poison=N   an illegal access in step N: every later call would fail
    leak=N     step N loses memory that no unload brings back
    under=MIB  only on workers whose budget is smaller
    once=N     break only the first time: a file named after N remembers
    gate=N     step 3 waits for a file named after N (`stack.open_gate`): a test decides how long the job runs
"""

import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shared.errors import EngineFailed, OutOfVram
from shared.models.catalogue import ModelCard
from workers.devices import slot
from workers.engines.base import EngineKind, GenerateWork, LoadPlan, Watch

HANG_S = 3600.0
GATED_STEP = 3


@dataclass(eq=False)
class FaultSample:
    """See `workers.engines.stepping.Sample`."""

    work: GenerateWork
    seed: int
    #: What its prompt orders, where that concerns this worker and was not obeyed before.
    order: dict[str, int]
    step: int = 0
    rows: int = 1

    @property
    def key(self) -> Hashable:
        return (self.work.params.width, self.work.params.height)

    @property
    def steps(self) -> int:
        return self.work.params.steps_run

    @property
    def is_done(self) -> bool:
        return self.step >= self.steps


class FaultEngine:
    """See `workers.engines.base.GenerateEngine` and `workers.engines.stepping.Stepping`."""

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

    # -- a step at a time --------------------------------------------------------------------------------------------

    def begin(self, work: GenerateWork, watch: Watch) -> list[FaultSample]:
        order = orders_in(work.params.prompt)
        order = {"pace": order.get("pace", 0)} if _is_done(order) or not _is_meant(order) else order
        return [FaultSample(work, seed, order) for seed in work.params.seeds()]

    def step(self, samples: Sequence[FaultSample]) -> None:
        time.sleep(max(sample.order.get("pace", 0) for sample in samples) / 1000)
        for sample in samples:
            _obey(sample.order, sample.step + 1)
        for sample in samples:
            sample.step += 1

    def finish(self, samples: Sequence[FaultSample], watch: Watch) -> list[Image.Image]:
        return [_noise(sample.seed, sample.work) for sample in samples]

    def preview(self, sample: FaultSample) -> Callable[[], Image.Image]:
        return lambda: Image.new("RGB", (8, 8))

    def saved(self, sample: FaultSample) -> bytes:
        return f"{sample.seed} {sample.step}".encode()

    def resumed(self, work: GenerateWork, place: int, data: bytes, watch: Watch) -> FaultSample:
        sample = self.begin(work, watch)[place]
        seed, step = (int(part) for part in data.split())
        if seed != sample.seed or not 0 < step <= sample.steps:
            raise EngineFailed("this is no state of that picture")
        sample.step = step
        return sample

    def settle(self) -> None:
        """A step is done when it returns."""

    def rest(self) -> None:
        """Nothing visits a device."""


def orders_in(prompt: str) -> dict[str, int]:
    """The `name=number` words of a prompt."""
    pairs = (word.partition("=") for word in prompt.split())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def mark_of(number: int) -> Path:
    """The file that is named after a number."""
    return Path(tempfile.gettempdir()) / f"darkroom-fault-{number}"


def _is_done(order: dict[str, int]) -> bool:
    """Whether an order to break once was obeyed before."""
    if "once" not in order:
        return False
    mark = mark_of(order["once"])
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
    while step == GATED_STEP and "gate" in order and not mark_of(order["gate"]).exists():
        time.sleep(0.01)
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


KIND = EngineKind(load=_load, makes_steps=True)
