"""What a model and its work take by computation: weights from parameter counts, working room from size and batch.

Parameter counts are exact (from the models' configurations); activations are the live tensors of one forward pass,
counted by `tests/bench/activation_peaks.py`, plus what cuDNN and the allocator add on a GPU. What this cannot know is a
foreign fine-tune with another architecture: it gets the catalogue's own figures, scaled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.catalogue import ModelCard
from workers.engines.base import LoadPlan, Precision, hosts_encoders
from workers.engines.moondream.config import MOONDREAM_2B
from workers.engines.moondream.memory import asking_nbytes, looking_nbytes
from workers.memory.shapes import Shape, default_shape

MIB = 2**20

#: Bytes per parameter. NF4: half a byte and an fp32 scale per 64 weights.
BYTES: Mapping[Precision, float] = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "nf4": 0.5 + 4 / 64}


@dataclass(frozen=True)
class Parts:
    """Where a kind of model has its parameters, in millions."""

    total_m: float
    #: In linears: what NF4 shrinks.
    linears_m: float
    #: In the largest sub-model: what is on the GPU at a time under model offload.
    largest_m: float
    largest_linears_m: float
    #: In the largest single block: what is on the GPU at a time under sequential offload.
    largest_block_m: float
    #: In the VAE, whose precision is its own.
    vae_m: float = 0.0
    #: In the text encoders, which may wait in host memory.
    encoders_m: float = 0.0
    encoders_linears_m: float = 0.0


#: By engine. SDXL: UNet 2,567 (2,233 in linears) + text encoders 818 (716) + VAE 84 (0.5). Moondream 2: vision 449,
#: text 1,418 (of it the embedding 105 stays as it is), region 60.
PARTS: Mapping[str, Parts] = {
    "sdxl": Parts(3468.0, 2949.0, 2567.0, 2233.0, 45.0, 84.0, 818.0, 716.0),
    "moondream": Parts(1927.0, 1812.0, 1927.0, 1812.0, 1927.0),
}
#: Models whose weights differ more than this from their engine's parts are something else (a toy): no formula.
SAME_ARCHITECTURE = 0.15

#: SDXL's UNet in half precision per megapixel and sample (guidance makes two samples of a picture): 158 MiB of live
#: tensors, and half as much again for workspaces and the allocator.
UNET_MIB_PER_MEGAPIXEL = 240.0
#: SDXL's VAE decoding in bf16, per megapixel: 1,538 MiB of live tensors (three 256-channel maps at full size) and the
#: convolutions' workspaces, which bring the whole to the 9 to 10 GiB that are published for 1024 × 1024. Encoding takes
#: less in the same precision, and happens before.
VAE_MIB_PER_MEGAPIXEL = 2600.0
#: The VAE decodes tiles of 512 px; the finished picture lies beside them.
VAE_TILE_MEGAPIXELS = 0.25
PICTURE_MIB_PER_MEGAPIXEL = 24.0
#: cuBLAS and cuDNN workspaces, text encoders at work, latents of all steps.
SDXL_FIXED_MIB = 160.0
#: The same for Moondream, which has no convolutions.
MOONDREAM_FIXED_MIB = 64.0
#: Engines without a formula whose catalogue row gives a peak for this many pictures at once.
DEFAULT_BATCH = 1


def weights_mib(card: ModelCard, plan: LoadPlan) -> int:
    """What stays on the GPU while the model is loaded; offloaded parts count when they work."""
    return _all_weights_mib(card, plan) - offloaded_mib(card, plan)


def offloaded_mib(card: ModelCard, plan: LoadPlan) -> int:
    """The RAM in which weights wait that visit the GPU. Under offload with streams the VAE stays there."""
    if plan.offload == "none":
        return round(_hosted_mib(card, plan))
    return _all_weights_mib(card, plan) - round(_staying_mib(card, plan))


def _all_weights_mib(card: ModelCard, plan: LoadPlan) -> int:
    if card.engine not in PARTS:
        return card.vram.weights_mib  # taggers and raters run as their file is
    return round(card.vram.weights_mib * _shrunk(_parts(card), plan) * _unit(card))


def working_mib(card: ModelCard, plan: LoadPlan, shape: Shape) -> int:
    """What a running job takes on top: activations, and the offloaded part that is on the GPU just then."""
    activations = _activations_mib(card, plan, shape)
    encoding = _hosted_mib(card, plan) + SDXL_FIXED_MIB  # before the first step, or between two
    return round(_visiting_mib(card, plan) + (max(activations, encoding) if hosts_encoders(plan) else activations))


def _parts(card: ModelCard) -> Parts:
    """A model without known parts is treated as one block, nine tenths of it linears."""
    return PARTS.get(card.engine, Parts(1.0, 0.9, 1.0, 0.9, 1.0))


def _shrunk(parts: Parts, plan: LoadPlan) -> float:
    """Size against half precision."""
    vae_m = parts.vae_m * (2.0 if plan.vae_precision == "fp32" else 1.0)
    half_m = parts.total_m - parts.vae_m
    if plan.precision == "nf4":
        half_m += parts.linears_m * (BYTES["nf4"] / BYTES["fp16"] - 1.0)
    if plan.precision == "fp8":  # of the UNet alone
        half_m += parts.largest_m * (BYTES["fp8"] / BYTES["fp16"] - 1.0)
    return (half_m * (2.0 if plan.precision == "fp32" else 1.0) + vae_m) / parts.total_m


def _unit(card: ModelCard) -> float:
    """Catalogue rows are in bf16, but a built-in toy's is in fp32."""
    return BYTES["bf16"] / BYTES["fp32"] if card.source.builtin else 1.0


def _is_full_size(card: ModelCard) -> bool:
    parts = PARTS.get(card.engine)
    if parts is None:
        return False
    expected = parts.total_m * 1e6 * BYTES["bf16"] / MIB
    return abs(card.vram.weights_mib - expected) <= SAME_ARCHITECTURE * expected


def _visiting_mib(card: ModelCard, plan: LoadPlan) -> float:
    """The offloaded part on the GPU: the UNet under model offload, one block under sequential."""
    parts = _parts(card)
    if plan.offload == "none":
        return 0.0
    largest, linears = parts.largest_m, parts.largest_linears_m
    if plan.offload == "sequential":
        largest, linears = parts.largest_block_m, parts.largest_block_m
    if plan.offload == "group":  # one that works, and the next one
        largest, linears = 2 * parts.largest_block_m, 2 * parts.largest_block_m
    return _part_mib(card, plan, Parts(largest, linears, 0, 0, 0))


def _hosted_mib(card: ModelCard, plan: LoadPlan) -> float:
    """Text encoders that wait in host memory while nothing is encoded."""
    parts = _parts(card)
    if not parts.encoders_m or not hosts_encoders(plan):
        return 0.0
    return _part_mib(card, plan, Parts(parts.encoders_m, parts.encoders_linears_m, 0, 0, 0))


def _staying_mib(card: ModelCard, plan: LoadPlan) -> float:
    """Of an offloaded model, what is on the GPU all the while."""
    vae_m = _parts(card).vae_m
    if not vae_m or plan.offload != "group":
        return 0.0
    return _part_mib(card, plan, Parts(vae_m, 0, 0, 0, 0, vae_m))


def _part_mib(card: ModelCard, plan: LoadPlan, part: Parts) -> float:
    """Some of a model's parameters."""
    return card.vram.weights_mib * _unit(card) * part.total_m / _parts(card).total_m * _shrunk(part, plan)


def _activations_mib(card: ModelCard, plan: LoadPlan, shape: Shape) -> float:
    if card.engine == "sdxl" and _is_full_size(card):
        return _sdxl_mib(plan, shape)
    if card.engine == "moondream" and _is_full_size(card):
        return _moondream_mib(plan, shape)
    return _scaled_mib(card, shape)


def _sdxl_mib(plan: LoadPlan, shape: Shape) -> float:
    """The UNet and the VAE never work at the same time."""
    unet = UNET_MIB_PER_MEGAPIXEL * shape.megapixels * shape.batch * (2 if shape.is_guided else 1)
    decoded = shape.megapixels * (1 if plan.vae_slicing else shape.batch)
    vae = VAE_MIB_PER_MEGAPIXEL * (min(VAE_TILE_MEGAPIXELS, decoded) if plan.vae_tiling else decoded)
    vae *= 2.0 if plan.vae_precision == "fp32" else 1.0
    pictures = PICTURE_MIB_PER_MEGAPIXEL * shape.megapixels * shape.batch
    return max(unet * _width_of(plan), vae) + pictures * _width_of(plan) + SDXL_FIXED_MIB


def _moondream_mib(plan: LoadPlan, shape: Shape) -> float:
    """It looks, then it asks. Four-bit linears unpack to half precision one at a time; the largest gives the words."""
    width, text = round(2 * _width_of(plan)), MOONDREAM_2B.text
    looking = looking_nbytes(MOONDREAM_2B, shape.pictures, width)
    asking = asking_nbytes(MOONDREAM_2B, shape.batch, shape.pictures, width)
    unpacked = text.vocab * text.dim * width if plan.precision == "nf4" else 0
    return max(looking, asking + unpacked) / MIB + MOONDREAM_FIXED_MIB


def _width_of(plan: LoadPlan) -> float:
    """Activations are twice as wide where the arithmetic is fp32: always on a CPU."""
    return 2.0 if plan.precision == "fp32" or plan.device == "cpu" else 1.0


def _scaled_mib(card: ModelCard, shape: Shape) -> float:
    """The catalogue's own figures, by pixels and batch."""
    usual = default_shape(card)
    room = max(0, card.vram.peak_mib - card.vram.weights_mib)
    return room * max(1.0, shape.megapixels / usual.megapixels) * shape.batch / DEFAULT_BATCH
