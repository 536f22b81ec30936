"""What loading a model now would cost: seconds, and which others would leave. Pure.

Workers decide for themselves when the time comes (`workers.memory.residency`: the one unused the longest leaves, a pinned one
never); this tells what they would do as things stand, by what they said of themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from shared.models.catalogue import ModelCard
from shared.rack.worker_registry import TAKES_JOBS, Resident, WorkerReport


class LoadCost(BaseModel):
    """What the first job of a model would wait for now, on the worker where it waits the least."""

    is_loaded: bool = Field(description="Whether some worker holds it: its next job starts at once")
    worker: str | None = Field(description="Where it is, or would be loaded; null: no worker that takes jobs serves it")
    seconds: float | None = Field(description="Of a load, as measured there; null: nobody has measured one yet")
    basis: Literal["loaded", "measured", "unknown", "unserved"]
    needs_mib: int = Field(description="Of its weights on the GPU")
    unloads: tuple[str, ...] = Field(description="Models that would leave to make room, the first to leave first")


def load_cost(card: ModelCard, workers: Sequence[WorkerReport], load_ms: Mapping[str, float]) -> LoadCost:
    """The least it costs.

    Args:
        load_ms: worker → how long a load of this model takes there.
    """
    holder = next((w for w in workers if w.state in TAKES_JOBS and any(r.model == card.id for r in w.resident)), None)
    need_mib = card.vram.weights_mib
    if holder is not None:
        return LoadCost(is_loaded=True, worker=holder.name, seconds=0.0, basis="loaded", needs_mib=need_mib, unloads=())
    serving = [w for w in workers if w.state in TAKES_JOBS and card.id in w.models]
    if not serving:
        return LoadCost(is_loaded=False, worker=None, seconds=None, basis="unserved", needs_mib=need_mib, unloads=())
    leaving = {worker.name: _leaving(worker, need_mib) for worker in serving}
    # A worker that nobody has measured is not preferred to one that is known, nor passed over where all are unknown.
    best = min(serving, key=lambda w: (len(leaving[w.name]), load_ms.get(w.name, float("inf")), w.name))
    took_ms = load_ms.get(best.name, min(load_ms.values(), default=None))
    return LoadCost(
        is_loaded=False,
        worker=best.name,
        seconds=None if took_ms is None else round(took_ms / 1000, 2),
        basis="unknown" if took_ms is None else "measured",
        needs_mib=need_mib,
        unloads=leaving[best.name],
    )


def _leaving(worker: WorkerReport, need_mib: int) -> tuple[str, ...]:
    """Those that leave a worker, the one unused the longest first, until there is room; pinned ones stay."""
    free_mib = worker.budget_mib - worker.held_mib
    leaving: list[str] = []
    movable: list[Resident] = sorted((r for r in worker.resident if not r.pinned), key=lambda r: -r.idle_s)
    for resident in movable:
        if free_mib >= need_mib:
            break
        free_mib += resident.held_mib
        leaving.append(resident.model)
    return tuple(leaving)
