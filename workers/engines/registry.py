"""Engines by the name the catalogue uses.

The table holds module names, resolved at first use: a main process that only renews leases must not pay ten seconds and
400 MB for torch and diffusers. Each module has one `KIND`, its row.

The door for other engines: an engine name with a dot in it is a module of its own (`engine = "studio.engines.flux"` in
the file that `DARKROOM_MODELS_FILE` names), importable by the workers, with a `KIND` like ours.
"""

import importlib
import threading
from collections.abc import Iterable

from shared.errors import EngineFailed
from workers.engines.base import EngineKind
from workers.engines.torch_tools import hub_kernels

ENGINES: dict[str, str] = {
    "sdxl": "workers.engines.sdxl.engine",
    "moondream": "workers.engines.moondream.engine",
    "efficientnet": "workers.engines.classifiers.efficientnet",
    "wd_tagger": "workers.engines.classifiers.wd_tagger",
    "opennsfw": "workers.engines.classifiers.opennsfw",
    "hf_classifier": "workers.engines.classifiers.hf_classifier",
    "minilm": "workers.engines.encoders.minilm",
    "clip": "workers.engines.encoders.clip",
}


#: torch and diffusers import parts of themselves late and in circles: two threads at it at once find half-made modules.
_importing = threading.RLock()


def engine_kind(name: str) -> EngineKind:
    """How to load (and, for toys, build) models of an engine.

    Raises:
        EngineFailed: the catalogue names an engine that does not exist.
    """
    module = ENGINES.get(name, name if "." in name else None)
    if module is None:
        raise EngineFailed(f"there is no engine {name!r}; known: {', '.join(ENGINES)}")
    hub_kernels.forbid()
    try:
        with _importing:
            kind: EngineKind = importlib.import_module(module).KIND
    except (ModuleNotFoundError, AttributeError) as exc:
        raise EngineFailed(f"engine {name!r}: {exc}") from exc
    return kind


def load_libraries(names: Iterable[str] = tuple(ENGINES)) -> None:
    """Import the libraries of these engines. Whoever wants one of them meanwhile waits for all."""
    with _importing:
        for name in names:
            engine_kind(name)
