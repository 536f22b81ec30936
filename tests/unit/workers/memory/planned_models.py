"""The models and plans that the arithmetic is tested with."""

from shared.models.catalogue import ModelCard, Source, Vram, load_catalogue
from shared.settings import Settings
from workers.engines.base import LoadPlan
from workers.memory.shapes import Shape

GIB = 1024
SDXL = load_catalogue(Settings()).get("sdxl")
TOY = load_catalogue(Settings()).get("sdxl-toy")
MOONDREAM = ModelCard(
    id="moondream",
    kind="analyze",
    engine="moondream",
    title="Moondream 2",
    summary="",
    licence="Apache-2.0",
    source=Source(repo="vikhyatk/moondream2"),
    vram=Vram(weights_mib=3676, peak_mib=4400),
)
SQUARE = Shape(1024, 1024)
KIND = "rtx-4090"


def put(precision: str = "fp16", offload: str = "none", *, vae: str = "bf16", tiled: bool = False) -> LoadPlan:
    return LoadPlan("cuda:0", precision, offload, tiled, vae_precision=vae, gpu_type=KIND)


EXACT, PLAIN, TILED = put(vae="fp32"), put(), put(tiled=True)
NF4 = put("nf4", tiled=True)
OFFLOADED = put(offload="model", tiled=True)
LAYERWISE = put(offload="sequential", tiled=True)
