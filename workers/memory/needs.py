"""How much memory a model and a job take: measured where runs have measured it, else computed (`footprints`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.catalogue import ModelCard
from workers.engines.base import LoadPlan, hosts_encoders
from workers.memory.footprints import offloaded_mib, weights_mib, working_mib
from workers.memory.shapes import Shape


@dataclass(frozen=True)
class Need:
    """MiB on the GPU, and what waits beside it."""

    weights_mib: int
    working_mib: int
    #: Weights of the parts that the job wants beside its model.
    parts_mib: int = 0
    #: RAM: offloaded weights.
    host_mib: int = 0
    #: By runs; else computed.
    is_measured: bool = False

    @property
    def peak_mib(self) -> int:
        return self.weights_mib + self.parts_mib + self.working_mib


def key_of(plan: LoadPlan, shape: Shape) -> str:
    """The name under which a measured peak is kept: everything that changes it.

    Convolutions and attention run other kernels with other workspaces on another kind of GPU. Keys of another form,
    from before that was said, are never asked for.
    """
    guided = "g" if shape.is_guided else "u"
    pictures = f"p{shape.pictures}" if shape.pictures > 1 else ""
    start = "+image" if shape.is_img2img else ""
    parts = "".join(f"+{name}" for name in sorted(part.name for part in shape.parts))
    size = f"{shape.width_px}x{shape.height_px}x{shape.batch}{pictures}{guided}{start}{parts}"
    tiled = "-tiled" if plan.vae_tiling else ""
    hosted = "-hosted" if hosts_encoders(plan) else ""
    return f"{size}:{plan.precision}+{plan.vae_precision}:{plan.offload}{tiled}{hosted}@{plan.gpu_type}"


def need_of(card: ModelCard, plan: LoadPlan, shape: Shape, measured: Mapping[str, int] | None = None) -> Need:
    """What a model takes while it works on one batch.

    Args:
        measured: peaks of runs (weights included) in MiB by `key_of`.
    """
    weights, host = weights_mib(card, plan), offloaded_mib(card, plan)
    parts = sum(part.weights_mib for part in shape.parts)
    peak = (measured or {}).get(key_of(plan, shape))
    if peak is not None:
        return Need(weights, max(0, peak - weights - parts), parts, host, is_measured=True)
    working = working_mib(card, plan, shape) + sum(part.working_mib for part in shape.parts)
    return Need(weights, working, parts, host)
