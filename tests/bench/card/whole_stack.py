"""Stage 8: the whole stack with the starters on the card: the worker is pinned, a killed child's job runs again and its
memory comes back, a picture's energy is counted."""

import tempfile
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from tests.bench.card.where import Where, attempted
from tests.rig import Rig, wait_for
from workers.devices.gpu import list_gpus, snapshot

START_S = 120.0
#: A child's context and the starters; what is back within this of before is back.
NOISE_MIB = 64


def run(where: Where) -> dict[str, Any]:
    cards = [] if where.is_dry else list_gpus()
    before_mib = cards[0].used_mib if cards else None
    gpus = cards[0].uuid if cards else "none"
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder), DARKROOM_GPUS=gpus) as rig:
        rig.start_api().start_workers().wait_until_ready(START_S)
        [worker] = rig.http.get("/v1/status").json()["workers"]
        found: dict[str, Any] = {
            "worker": {key: worker[key] for key in ("name", "state", "note", "budget_mib")},
            "is_pinned": _environment(rig.worker_child(), "CUDA_VISIBLE_DEVICES") == ("" if where.is_dry else gpus),
            "picture": attempted(lambda: _timed(rig)),
            "picture_again": attempted(lambda: _timed(rig)),
            "child_killed": attempted(lambda: _killed(where, rig)),
        }
        rig.stop("workers")
        if cards:
            found["memory_back"] = attempted(lambda: _back(cards[0].uuid, before_mib))
    return found


def _timed(rig: Rig) -> dict[str, Any]:
    done = rig.finish(rig.generate(model="sdxl-starter", width=128, height=128, steps=16)["id"])
    return {
        "state": done["state"],
        "timings": done["timings"],
        "energy_per_picture_j": (done["result"] or {}).get("energy_per_picture_j"),
        "error": done["error"],
    }


def _killed(where: Where, rig: Rig) -> dict[str, Any]:
    """`kill -9` of the process that holds the card, in the middle of a picture."""
    side, steps = (128, 40) if where.is_dry else (256, 150)
    job = rig.generate(model="sdxl-starter", width=side, height=side, steps=steps)["id"]
    rig.wait_for_state(job, "running")
    rig.worker_child().kill()
    done = rig.finish(job, START_S)
    return {"state": done["state"], "attempt": done["attempt"], "history": [past["reason"] for past in done["history"]]}


def _back(uuid: str, before_mib: int | None) -> dict[str, Any]:
    def used_mib() -> int | None:
        now = snapshot(uuid)
        return now.used_mib if now else None

    wait_for(lambda: (used_mib() or 0) <= (before_mib or 0) + NOISE_MIB, 20, "the card's memory")
    return {"used_before_mib": before_mib, "used_after_mib": used_mib()}


def _environment(process: psutil.Process, name: str) -> str | None:
    return process.environ().get(name)
