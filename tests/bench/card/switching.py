"""Stage 6: two SDXL models that take turns on one card: seconds a switch, and what pinned host memory really takes; and what a
new prompt costs where text encoders wait in host memory.
"""

import tempfile
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch

from tests.bench.card.where import MIB, Where, attempted
from tests.gpu.full_size import text_encoder, text_encoder_2, write_sdxl
from tests.gpu.gpu_rig import HOST_CACHE_MIB, CardRig
from workers.engines.sdxl import toy
from workers.engines.sdxl.encoder_visits import visit
from workers.engines.sdxl.placement import wait_on_host
from workers.engines.torch_tools.host_copy import device_nbytes

#: Two rows of the catalogue that are SDXL; their weights differ, or they would be shared.
MODELS = ("sdxl", "sdxl-realism")
TOYS = ("sdxl-toy", "sdxl-starter")
ROUNDS = 2


def run(where: Where) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        models = _write(where, Path(folder))
        limit_mib = 4096 if where.is_dry else 10 * 1024
        rig = CardRig(models, limit_mib, device=where.device, host_mib=2 * HOST_CACHE_MIB)
        try:
            found = {
                "rounds": [_round(where, rig, tuple(models)) for _ in range(ROUNDS)],
                "host_cache": _emptied(where),
            }
        finally:
            rig.close()
    where.free()
    return found | {"encoders": attempted(lambda: _encoder_visits(where))}


def _encoder_visits(where: Where) -> dict[str, Any]:
    """Of both of SDXL's, in half precision: the first visit, and one later; MiB that are free between two."""
    dtype = list(where.dtypes.values())[-1]
    encoders = [where.module(lambda b=build: b(where.is_dry), dtype) for build in (text_encoder, text_encoder_2)]
    held_mib = round(device_nbytes(encoders, where.device) / MIB)
    for encoder in encoders:
        wait_on_host(encoder)

    def come_and_go() -> None:
        with visit(encoders, where.device):
            where.settle()

    times = [round(where.seconds(come_and_go), 4) for _ in range(3)]
    return {"freed_mib": held_mib, "first_visit_s": times[0], "later_visit_s": times[-1]}


def _write(where: Where, folder: Path) -> dict[str, Path]:
    if where.is_dry:
        for name in TOYS:
            toy.build(folder / name)
        return {name: folder / name for name in TOYS}
    for seed, name in enumerate(MODELS):
        write_sdxl(folder / name, where.device, seed)
        torch.cuda.empty_cache()
    return {name: folder / name for name in MODELS}


def _round(where: Where, rig: CardRig, names: tuple[str, ...]) -> dict[str, Any]:
    """Bring each in turn; the one before leaves for host memory."""
    found: dict[str, Any] = {}
    for name in names:
        came_from = "host" if name in rig.residency.in_host() else "disk"
        leaving_s = where.seconds(lambda n=name: rig.residency.evict_others(n))
        found[f"{name}, the other leaves_s"] = round(leaving_s, 2)
        found[f"{name} from {came_from}_s"] = round(rig.bring(name), 2)
    return found | {"ledger_host_mib": rig.residency.host_held_mib, **_host(where)}


def _host(where: Where) -> dict[str, Any]:
    """The process' real memory beside what the ledger says; pinned blocks are rounded up and kept."""
    real = {"rss_mib": round(psutil.Process().memory_info().rss / MIB)}
    if where.is_dry:
        return real
    stats = torch.cuda.host_memory_stats()
    return real | {name: value for name, value in stats.items() if name.endswith(("bytes.current", "bytes.peak"))}


def _emptied(where: Where) -> dict[str, Any]:
    if hasattr(torch.accelerator, "empty_host_cache") and not where.is_dry:
        torch.accelerator.empty_host_cache()
    return _host(where)
