"""An engine without torch whose models have a size and a cost of loading; `pace=MS` in a prompt sets its steps' pace."""

import time
from pathlib import Path

from shared.models.catalogue import ModelCard
from tests.faults.engine import FaultEngine
from workers.engines.base import EngineKind, LoadPlan

#: Seconds to load a MiB: the light model 0.6 s, the heavy one 1.6 s.
LOAD_S_PER_MIB = 0.04


class RackEngine(FaultEngine):
    """Holds what its card says."""

    def held_mib(self) -> int:
        return self.card.vram.weights_mib


def load(card: ModelCard, path: Path, plan: LoadPlan) -> RackEngine:
    time.sleep(LOAD_S_PER_MIB * card.vram.weights_mib)
    return RackEngine(card)


KIND = EngineKind(load=load, makes_steps=True)
