"""Full-size SDXL and Moondream 2 on a CUDA card: peaks against plans, switch times, steps and tokens a second.

Run: `python -m tests.bench.bench_gpu OUT.json` (or `make bench-gpu`). Weights are random; nothing is downloaded, nothing else
may use the card. Disk figures are of files that the page cache holds: they are a lower bound.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tests.gpu.card_rig import HOST_CACHE_MIB, CardRig, settle
from tests.gpu.full_size import write_moondream, write_sdxl
from workers.energy import joules_per_picture
from workers.gpu import open_driver
from workers.needs import default_shape

DEVICE = "cuda:0"
STEPS = 30
TOKENS = 64
#: Budgets in GiB: a 24, a 12 and an 8 GB card less what is left to the system.
BUDGETS_GIB = (22.0, 11.0, 7.5)


def main(out: Path) -> dict[str, Any]:
    numbers = measure() if torch.cuda.is_available() else {"skipped": "no CUDA card"}
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


def measure() -> dict[str, Any]:
    """All numbers of one card."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sdxl(folder / "sdxl", DEVICE)
        write_moondream(folder / "moondream-2", DEVICE)
        torch.cuda.empty_cache()
        models = {model: folder / model for model in ("sdxl", "moondream-2")}
        budgets = {f"{gib:g} GiB": under_budget(models, gib) for gib in BUDGETS_GIB}
        return {**about(), **budgets, "switching": switching(models), "energy": energy(models)}


def about() -> dict[str, Any]:
    return {
        "card": torch.cuda.get_device_name(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


def under_budget(models: dict[str, Path], gib: float) -> dict[str, Any]:
    """Both models in one budget: plans, peaks, speed."""
    rig = CardRig(models, round(gib * 1024), device=DEVICE)
    found: dict[str, Any] = {}
    jobs: dict[str, Callable[[], object]] = {
        "sdxl": lambda: rig.generate("sdxl", steps=STEPS),
        "moondream-2": lambda: rig.caption("moondream-2", max_tokens=TOKENS),
    }
    for model, job in jobs.items():
        planned = rig.need(model, default_shape(rig.cards[model]))
        job()  # warm: kernels are chosen, caches filled
        took_s = timed(job)
        found[model] = {
            "plan": str(rig.plans.of(rig.cards[model])),
            "planned_mib": planned.peak_mib,
            "measured_mib": rig.peak_mib(model),
            "per_s": round((STEPS if model == "sdxl" else TOKENS) / took_s, 2),
            "job_s": round(took_s, 3),
        }
    found["resident_together"] = sorted(resident.model for resident in rig.residency.residents())
    found["degradations"] = rig.watch.degradations
    rig.close()
    return found


def switching(models: dict[str, Path]) -> dict[str, Any]:
    """Seconds to bring SDXL onto the card from disk and from host memory, and to take it off."""
    rig = CardRig(models, 22 * 1024, device=DEVICE, host_mib=HOST_CACHE_MIB)
    from_disk_s = rig.bring("sdxl")
    to_host_s = timed(lambda: rig.residency.evict_others("moondream-2"))
    from_host_s = rig.bring("sdxl")
    rig.close()
    return {
        "sdxl_from_disk_s": round(from_disk_s, 2),
        "sdxl_to_host_s": round(to_host_s, 2),
        "sdxl_from_host_s": round(from_host_s, 2),
        "disk_over_host": round(from_disk_s / from_host_s, 1),
    }


def energy(models: dict[str, Path]) -> dict[str, Any]:
    """Joules of a picture by the card's own counter; null where it has none."""
    driver = open_driver()
    uuid = "GPU-" + str(torch.cuda.get_device_properties(0).uuid)
    rig = CardRig({"sdxl": models["sdxl"]}, 22 * 1024, device=DEVICE)
    rig.generate("sdxl", steps=STEPS)
    before = driver.snapshot(uuid) if driver else None
    rig.generate("sdxl", steps=STEPS)
    settle()
    spent_j = joules_per_picture(before, driver.snapshot(uuid) if driver else None, 1)
    rig.close()
    return {"sdxl_picture_j": None if spent_j is None else round(spent_j, 1), "steps": STEPS}


def timed(work: Callable[[], object]) -> float:
    settle()
    since_s = time.perf_counter()
    work()
    settle()
    return time.perf_counter() - since_s


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
