"""The protocol between a worker and its engines.

An engine holds one loaded model. It knows its library (diffusers, torch, onnxruntime), not Redis, not records: it gets
plain work and a `Watch` to report to, and gives pictures or answers back. The watch may raise a `Signal` at any step
(cancelled, fenced, over its deadline); an engine lets it through and stays usable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from PIL.Image import Image

from shared.catalogue import ModelCard
from shared.contracts.generation import GenerationParams
from workers.load_plan import LoadPlan

#: Makes the previews of a batch, one small RGB picture per job, only when the watch wants them.
Previews = Callable[[], list[Image]]


class Watch(Protocol):
    """Where an engine says how far it is. One watch for a whole GPU batch."""

    def step(self, step: int, steps: int, previews: Previews | None = None) -> None:
        """`step` of `steps` is done. Raises a `Signal` when nobody wants the rest."""
        ...

    def degrade(self, what: str) -> None:
        """Something was given up to fit, e.g. `vae_tiling`; the record shows it."""
        ...


@dataclass(frozen=True)
class GenerateWork:
    """One generation job, ready to run."""

    params: GenerationParams
    #: img2img: the starting picture, RGB, as the caller sent it (any size); None for txt2img.
    image: Image | None = None


@dataclass(frozen=True)
class AnalyzeWork:
    """One analysis job: a picture (None for text-only chat), its content hash, and what is asked of it."""

    picture: Image | None
    picture_id: str
    tasks: tuple[dict[str, Any], ...]
    options: dict[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model."""

    card: ModelCard

    def held_mib(self) -> int:
        """VRAM (on CPU: RAM) its weights take now."""
        ...

    def close(self) -> None:
        """Drop everything; the memory is free afterwards."""
        ...


class GenerateEngine(Engine, Protocol):
    """An engine that makes pictures."""

    def generate(self, works: list[GenerateWork], watch: Watch) -> list[list[Image]]:
        """Pictures per job, in order, each job's `n` of them.

        The jobs share size, steps, scheduler, guidance, and whether they start from a picture (with one strength).

        Raises:
            OutOfVram: did not fit; nothing stays allocated and the engine stays usable.
            Signal: from the watch.
        """
        ...


@dataclass(frozen=True)
class EngineKind:
    """One row of the engine table."""

    #: Loads a model from its folder or file.
    load: Callable[[ModelCard, Path, LoadPlan], Engine]
    #: Builds the weights where the project makes them itself (toy models); None: they are fetched.
    build: Callable[[Path], None] | None = None
