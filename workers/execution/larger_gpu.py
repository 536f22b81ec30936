"""Which other worker could hold a job that did not fit here: the last rung before giving it up. Pure."""

from collections.abc import Iterable

from shared.rack.worker_registry import WorkerReport

#: States of a worker that takes jobs.
TAKES_JOBS = frozenset({"ready", "busy"})


def larger_gpu(model: str, budget_mib: int, workers: Iterable[WorkerReport]) -> WorkerReport | None:
    """The living worker with the smallest larger budget that serves the model, idle ones first; None: there is none.

    Only strictly larger, so a job climbs from card to card and never goes round.
    """
    able = [w for w in workers if model in w.models and w.budget_mib > budget_mib and w.state in TAKES_JOBS]
    return min(able, key=lambda worker: (worker.state != "ready", worker.budget_mib), default=None)
