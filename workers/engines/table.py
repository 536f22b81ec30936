"""Engines by the name the catalogue uses: how to load each, and how to build weights we make ourselves."""

from workers import sdxl_toy
from workers.engines import sdxl
from workers.engines.base import EngineKind

ENGINES: dict[str, EngineKind] = {
    "sdxl": EngineKind(load=sdxl.load, build=sdxl_toy.build),
}
