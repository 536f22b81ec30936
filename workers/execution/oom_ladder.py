"""Out of VRAM: what a worker gives up, rung by rung, before it gives up the job.

    1. free the cache, tile the VAE, split the passes     the engine, by itself
    2. evict the other models                             here
    3. put the model smaller: tiled, four bits, offloaded here, in the order of the mode's row
    4. hand the job to a larger GPU                       chosen here (`larger_gpu`), done by whoever ends the job
    5. fail, with numbers

And where fp16 gives numbers that are none: the model is loaded in bf16, or in fp32 where the GPU has none, and the work
is done again (`upcast`). If they are not finite then either, the job fails: a black picture is no result.

Every rung stands in the job's `degradations`, also in those of later jobs that run on a model that was put smaller. The
work starts afresh on each rung. A model stays small where the GPU proved too small for the plan; where only this job
was too large for it, or wanted parts beside the model, the next one finds the model as it was.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from shared.errors import DoesNotFit, NotFinite, OutOfVram
from shared.log import logger
from shared.models.catalogue import ModelCard
from shared.rack.worker_registry import TAKES_JOBS, WorkerReport, WorkerState
from workers.engines.base import Watch
from workers.memory.current_plans import CurrentPlans, what_changed
from workers.memory.residency import Residency
from workers.memory.shapes import Shape

T = TypeVar("T")


def with_room(
    residency: Residency,
    plans: CurrentPlans,
    card: ModelCard,
    shape: Shape,
    watch: Watch,
    work: Callable[[Any], T],
    used: Callable[[], Shape | None] | None = None,
) -> T:
    """Do `work` with the loaded model, giving up what must be given up to make it fit.

    Args:
        used: asked afterwards for the size of the work that was really done, whose peak is kept; None: all of `shape`.

    Raises:
        OutOfVram, DoesNotFit: it does not fit this GPU in any form; the message has the numbers.
        NotFinite: what it computes is no number, in a wide precision too.
        and whatever `work` raises beside them.
    """
    usual = plans.of(card)
    for what in what_changed(plans.wanted(card), usual):
        watch.degrade(what)
    is_this_job_only = bool(shape.parts) or plans.need(card, shape).peak_mib > residency.budget_mib
    try:
        return _climb(residency, plans, card, shape, watch, work, used or (lambda: shape))
    finally:
        if is_this_job_only and plans.of(card) != usual:
            plans.put(card, usual)
            _reload_next_time(residency, card)


def _climb(
    residency: Residency,
    plans: CurrentPlans,
    card: ModelCard,
    shape: Shape,
    watch: Watch,
    work: Callable[[Any], T],
    used: Callable[[], Shape | None],
) -> T:
    while True:
        try:
            need = plans.need(card, shape)
            with residency.using(card, need.peak_mib, need.host_mib, shape.parts) as engine:
                residency.start_peak()
                done = work(engine)
                if (done_at := used()) is not None:
                    plans.add_peak(card, done_at, residency.peak_mib(card.id))
                return done
        except NotFinite as exc:
            went_on = _upcast(residency, plans, card, watch, exc)
            if not went_on:
                raise
        except (OutOfVram, DoesNotFit) as exc:
            went_on = _step_down(residency, plans, card, watch, exc)
            if not went_on:
                raise


def larger_gpu(model: str, budget_mib: int, workers: Iterable[WorkerReport]) -> WorkerReport | None:
    """Which other worker could hold a job that did not fit here, the last rung before giving it up. Pure.

    The living worker with the smallest larger budget that serves the model, idle ones first; None: there is none. Only
    strictly larger, so a job climbs from GPU to GPU and never goes round.
    """
    able = [w for w in workers if model in w.models and w.budget_mib > budget_mib and w.state in TAKES_JOBS]
    return min(able, key=lambda worker: (worker.state != WorkerState.READY, worker.budget_mib), default=None)


def _step_down(
    residency: Residency, plans: CurrentPlans, card: ModelCard, watch: Watch, why: OutOfVram | DoesNotFit
) -> bool:
    """Give up one thing more; False: nothing is left to give up."""
    if isinstance(why, OutOfVram) and residency.evict_others(card.id):
        watch.degrade("others_evicted")
        return True
    before, after = plans.of(card), plans.shrink(card)
    if after is None:
        return False
    logger().warning("model.put_smaller", model=card.id, plan=str(after), reason=why.message)
    _reload_next_time(residency, card)
    for what in what_changed(before, after):
        watch.degrade(what)
    return True


def _upcast(residency: Residency, plans: CurrentPlans, card: ModelCard, watch: Watch, why: NotFinite) -> bool:
    """Go over to a wider precision; False: there is none."""
    wider = plans.upcast(card)
    if wider is None:
        return False
    logger().warning("model.upcast", model=card.id, plan=str(wider), reason=why.message)
    _reload_next_time(residency, card)
    watch.degrade("upcast")
    return True


def _reload_next_time(residency: Residency, card: ModelCard) -> None:
    """Unload it; a pin survives."""
    is_pinned = any(resident.model == card.id and resident.pinned for resident in residency.residents())
    residency.unload(card.id)
    if is_pinned:
        residency.pin(card.id)
