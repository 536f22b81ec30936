"""Engines by the name the catalogue uses.

The table holds module names, resolved at first use: a main process that only renews leases must not pay ten seconds and
400 MB for torch and diffusers. Each module has one `KIND`, its row.
"""

import importlib

from shared.errors import EngineFailed
from workers.engines.base import EngineKind

ENGINES: dict[str, str] = {
    "sdxl": "workers.engines.sdxl",
}


def engine_kind(name: str) -> EngineKind:
    """How to load (and, for toys, build) models of an engine.

    Raises:
        EngineFailed: the catalogue names an engine that does not exist.
    """
    module = ENGINES.get(name)
    if module is None:
        raise EngineFailed(f"there is no engine {name!r}; known: {', '.join(ENGINES)}")
    kind: EngineKind = importlib.import_module(module).KIND
    return kind


def load_libraries() -> None:
    """Import every engine's libraries."""
    for name in ENGINES:
        engine_kind(name)
