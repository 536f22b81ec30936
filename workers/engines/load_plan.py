"""How one model is put on one device: precision, offload, tiling. Plain data; `vram` decides it, engines obey it."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16", "nf4"]
VaePrecision = Literal["fp32", "bf16"]
Offload = Literal["none", "model", "sequential"]


@dataclass(frozen=True)
class LoadPlan:
    """What an engine's loader gets beside the model's card and folder."""

    #: torch device: "cpu" or "cuda:0" (a worker sees one card only).
    device: str = "cpu"
    #: Of the weights; with nf4 that of the rest and of the activations is the engine's own (`precision`).
    precision: Precision = "fp32"
    #: What waits in host memory: nothing, whole sub-models, or single layers.
    offload: Offload = "none"
    #: Whether the VAE decodes in tiles from the start.
    vae_tiling: bool = False
    #: Whether the VAE decodes a batch picture by picture.
    vae_slicing: bool = True
    #: Memory for encoded pictures beside the weights (Moondream); 0: each is encoded every time.
    prefix_cache_mib: int = 0
    #: Of an image model's VAE.
    vae_precision: VaePrecision = "fp32"
    #: What kind of device that is: what was measured on one kind says nothing of another.
    gpu_type: str = "cpu"
