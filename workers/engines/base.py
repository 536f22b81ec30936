"""The protocol between a worker and its engines.

An engine holds one loaded model. It knows its library (diffusers, torch, onnxruntime), not Redis, not records: it gets
plain work and a `Watch` to report to, and gives pictures or answers back. The watch may raise a `Signal` at any step
(cancelled, fenced, over its deadline); an engine lets it through and stays usable.

How it is put on its device is the memory's to decide, and comes as a `LoadPlan`. Engines of others import from here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from PIL.Image import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.vision import Answer, AnyTask, Usage
from shared.errors import DarkroomError, NotFinite
from shared.models.catalogue import ModelCard
from shared.settings import Lever

Precision = Literal["fp32", "bf16", "fp16", "fp8", "nf4"]
VaePrecision = Literal["fp32", "bf16"]
Offload = Literal["none", "model", "sequential", "group"]

#: Of shown probabilities and shares.
DIGITS = 5
#: Begins the previews of a GPU batch, only when the watch wants them, and does not wait for the device. What it returns does,
#: on any thread, and gives one small RGB picture per job.
Previews = Callable[[], Callable[[], list[Image]]]


@dataclass(frozen=True)
class LoadPlan:
    """How one model is put on one device: what an engine's loader gets beside the model's card and folder.

    `memory.budget` decides it, engines obey it.
    """

    #: torch device: "cpu" or "cuda:0" (a worker sees one GPU only).
    device: str = "cpu"
    #: Of the weights; with nf4 and fp8 that of the rest and of the activations is the engine's own (`torch_tools.precision`).
    precision: Precision = "fp32"
    #: What waits in host memory: nothing, whole sub-models, single layers, or single layers of which the next one is copied while
    #: one works.
    offload: Offload = "none"
    #: Whether the VAE decodes in tiles from the start.
    vae_tiling: bool = False
    #: Whether the VAE decodes its pictures one by one.
    vae_slicing: bool = True
    #: Memory for encoded pictures beside the weights (Moondream); 0: each is encoded every time.
    prefix_cache_mib: int = 0
    #: Of an image model's VAE.
    vae_precision: VaePrecision = "fp32"
    #: What kind of device that is: what was measured on one kind says nothing of another.
    gpu_type: str = "cpu"
    #: What else the operator asked for (`torch_tools.levers`).
    levers: tuple[Lever, ...] = ()


def hosts_encoders(plan: LoadPlan) -> bool:
    """Whether an image model's text encoders wait in host memory, and visit the GPU to encode. Pure."""
    return "encoders_to_host" in plan.levers and plan.offload == "none" and not plan.device.startswith("cpu")


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
    """What one analysis job asks of one engine."""

    #: Upright RGB; None for a question without a picture.
    picture: Image | None
    #: By content, so that a picture is recognised.
    picture_id: str
    tasks: tuple[AnyTask, ...]
    #: Whether its caller still waits; asked between steps.
    is_wanted: Callable[[], bool] = lambda: True
    #: Takes new words as they come: the task's index, the text, whether it is reasoning.
    tell: Callable[[int, str, bool], None] = lambda index, text, is_reasoning: None
    #: Characters that were told, by the task's index and what they are part of: an engine that begins afresh with the same
    #: work says nothing twice.
    heard: dict[tuple[int, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskOutcome:
    """An answer, or why there is none."""

    answer: Answer | None = None
    error: DarkroomError | None = None
    took_ms: int = 0
    #: Tokens, where the engine is a language model.
    usage: Usage | None = None


@dataclass(frozen=True)
class WorkOutcome:
    """What became of one `AnalyzeWork`."""

    tasks: tuple[TaskOutcome, ...]
    #: Pictures that were encoded for it; 0 where the engine knew the picture.
    vision_passes: int = 0


class Engine(Protocol):
    """A loaded model."""

    card: ModelCard

    def held_mib(self) -> int:
        """VRAM (on CPU: RAM) its weights take now."""
        ...

    def close(self) -> None:
        """Drop everything; the memory is free afterwards."""
        ...


@runtime_checkable
class Sharing(Protocol):
    """An engine whose weights may be counted by another one, which shares them."""

    def uses_mib(self) -> int:
        """What it takes on the device, shared parts included whoever counts them."""
        ...


@runtime_checkable
class Paced(Engine, Protocol):
    """An engine whose pace can be measured (`workers.execution.threads`); one that is not gets all threads of its worker."""

    def smallest_call(self) -> None:
        """Compute the least that the model can be asked for; nothing is kept of it, and the engine stays as it was."""
        ...


@runtime_checkable
class Threaded(Protocol):
    """An engine whose library has threads of its own, beside torch's."""

    def set_threads(self, threads: int) -> None:
        """Of all that it computes from here on."""
        ...


@runtime_checkable
class Seeded(Protocol):
    """An engine whose way from a seed to noise has a version: the same seed and version give the same noise."""

    noise_version: int


@runtime_checkable
class Embedding(Engine, Protocol):
    """An engine that turns words or pictures into vectors; what it cannot turn it refuses with `EngineFailed`."""

    #: Raise it when the same weights give other vectors: those of two versions are never compared.
    vector_version: int

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) fp32, each row of length 1.

        Raises:
            OutOfVram: did not fit; nothing stays allocated. EngineFailed: it does not know words.
        """
        ...

    def embed_pictures(self, pictures: Sequence[Image]) -> np.ndarray:
        """(pictures, dimensions) fp32, each row of length 1; comparable with those of texts where it knows both.

        Args:
            pictures: upright RGB.

        Raises:
            OutOfVram: did not fit; nothing stays allocated. EngineFailed: it does not know pictures.
        """
        ...


class GenerateEngine(Engine, Protocol):
    """An engine that makes pictures; a `Seeded` one if it can say how."""

    def generate(self, works: list[GenerateWork], watch: Watch) -> list[list[Image]]:
        """Pictures per job, in order, each job's `n` of them.

        The jobs share size, steps, scheduler, guidance, and whether they start from a picture (with one strength).

        Raises:
            OutOfVram: did not fit; nothing stays allocated and the engine stays usable.
            NotFinite: what it computed is no number; its owner may load the model in a wider precision.
            Signal: from the watch.
        """
        ...


class AnalyzeEngine(Engine, Protocol):
    """An engine that answers about pictures."""

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """An outcome per job, in order; a task that cannot be answered does not touch the others.

        Args:
            at_once: most tasks (pictures, where the engine looks once for all tasks) that memory allows together.

        Raises:
            OutOfVram: not even one fits; nothing stays allocated and the engine stays usable.
            NotFinite: in fp16 something is no number; in wider precisions a task's own outcome says so.
            Signal: from the watch.
        """
        ...


@dataclass(frozen=True)
class EngineKind:
    """One row of the registry."""

    #: Loads a model from its folder or file.
    load: Callable[[ModelCard, Path, LoadPlan], Engine]
    #: Whether its engines are `stepping.Stepping`.
    makes_steps: bool = False
    #: Builds the weights where the project makes them itself (toy models); None: they are fetched.
    build: Callable[[Path], None] | None = None


def rounded(score: float) -> float:
    """A probability, or a share of a side, as it is shown.

    Raises:
        NotFinite: it is none. (Python's min and max would make 0 of NaN.)
    """
    if not math.isfinite(score):
        raise NotFinite(f"{score} is not finite, and no probability")
    return round(min(1.0, max(0.0, float(score))), DIGITS)
