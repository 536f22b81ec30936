"""One worker's memory side on one device, without Redis and without processes: plans, residency, ladder, engines.

The same parts as in a worker (`workers.assembly`), over models in given folders and a budget that may be smaller than
the card. The tests and `tests/bench/bench_gpu.py` measure with it.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.vision import CaptionTask
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from workers.engines.base import AnalyzeWork, Engine, GenerateWork, Previews
from workers.engines.registry import engine_kind
from workers.engines.torch_tools.cuda_device import CudaDevice
from workers.execution.oom_ladder import with_room
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans
from workers.memory.needs import Need
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency
from workers.memory.shapes import Shape, asking_shape
from workers.memory.unload_check import SilentDevice

MIB = 2**20
HOST_CACHE_MIB = 24_576


class Watch:
    """Remembers what was given up; wants no previews, which would be measured too."""

    def __init__(self) -> None:
        self.degradations: list[str] = []

    def step(self, step: int, steps: int, previews: Previews | None = None) -> None:
        return None

    def degrade(self, what: str) -> None:
        self.degradations.append(what)


class CardRig:
    """Models by catalogue id on one device. A new rig starts from an empty card; call `close` before the next."""

    def __init__(
        self, models: Mapping[str, Path], limit_mib: int, *, device: str, mode: str = "balanced", host_mib: int = 0
    ) -> None:
        catalogue = load_catalogue(Settings())
        self.cards = {name: catalogue.get(name) for name in models}
        self.folders = dict(models)
        self.peaks_mib: dict[tuple[str, str], int] = {}
        is_cuda = device.startswith("cuda")
        total_mib = torch.cuda.mem_get_info()[1] // MIB if is_cuda else limit_mib
        budget = budget_for(total_mib, mode, device=device, budget_mib=limit_mib, reserve_mib=0)
        self.plans = CurrentPlans(plan_rack(list(self.cards.values()), budget), add_peak=self._add_peak)
        self.residency = Residency(
            self._load,
            budget.usable_mib,
            device=CudaDevice(budget.process_mib, budget.margin_mib) if is_cuda else SilentDevice(),
            host_cache_mib=host_mib,
        )
        self.watch = Watch()

    def close(self) -> None:
        self.residency.close()

    def _load(self, card: ModelCard) -> Engine:
        return engine_kind(card.engine).load(card, self.folders[card.id], self.plans.of(card))

    def _add_peak(self, model: str, key: str, peak_mib: int) -> None:
        self.peaks_mib[model, key] = peak_mib

    # -- work --------------------------------------------------------------------------------------------------------

    def generate(self, model: str, *, steps: int = 4, side_px: int | None = None, n: int = 1) -> list[Image.Image]:
        """Pictures through the ladder, as a job makes them."""
        card = self.cards[model]
        assert card.defaults is not None
        side = side_px or card.defaults.width
        params = GenerationParams(
            prompt="a lamp",
            negative_prompt="",
            width=side,
            height=side,
            steps=steps,
            guidance_scale=6.0,
            scheduler="euler",
            seed=7,
            n=n,
        )

        def work(engine: Any) -> list[Image.Image]:
            [pictures] = engine.generate([GenerateWork(params, None)], self.watch)
            return list(pictures)

        return with_room(self.residency, self.plans, card, Shape(side, side, n), self.watch, work)

    def caption(self, model: str, *, picture_px: int = 800, max_tokens: int = 64) -> str:
        """One caption of a noise picture."""
        pixels = np.random.default_rng(3).integers(0, 256, (picture_px, picture_px, 3), dtype=np.uint8)
        task = CaptionTask(task="caption", temperature=0.0, max_tokens=max_tokens)
        work = AnalyzeWork(Image.fromarray(pixels), "noise", (task,))

        def ask(engine: Any) -> str:
            [outcome] = engine.analyze([work], self.watch, 1)
            return str(outcome.tasks[0].answer)

        return with_room(self.residency, self.plans, self.cards[model], asking_shape(1), self.watch, ask)

    # -- numbers -----------------------------------------------------------------------------------------------------

    def need(self, model: str, shape: Shape) -> Need:
        return self.plans.need(self.cards[model], shape)

    def peak_mib(self, model: str) -> int | None:
        """The highest that any job of the model took; None: nothing was learned, because each was refused something."""
        return max((mib for (name, _), mib in self.peaks_mib.items() if name == model), default=None)

    def bring(self, model: str) -> float:
        """Load a model, or fetch it from host memory; seconds."""
        settle()
        since_s = time.perf_counter()
        self.residency.engine_for(self.cards[model], self.plans.rack.planned[model].need.peak_mib)
        settle()
        return time.perf_counter() - since_s


def settle() -> None:
    """Wait for the card."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
