"""Orders to a worker, carried out between jobs like a job: bring a model onto the card, take it off."""

from shared.contracts.jobs import JobRecord
from workers.execution.kinds.base import Outcome
from workers.execution.progress import BatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.needs import default_shape


def switch(records: list[JobRecord], runtime: Runtime, watch: BatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """Load a model, and pin or unpin it if asked; the result tells what is loaded then."""
    return [_switch(record, runtime) for record in records]


def unload(records: list[JobRecord], runtime: Runtime, watch: BatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """Unload one model (its pin goes too), all that are not pinned, or (`idle`) what nobody used for long.

    One in use never: orders run alone.
    """
    return [_unload(record, runtime) for record in records]


def _switch(record: JobRecord, runtime: Runtime) -> Outcome:
    card = runtime.catalogue.get(record.model)
    need = runtime.plans.need(card, default_shape(card))
    with runtime.residency.using(card, need.peak_mib, need.host_mib) as engine:
        held_mib = engine.held_mib()
    pin = record.params.get("pin")
    if pin is not None:
        (runtime.residency.pin if pin else runtime.residency.unpin)(card.id)
    return Outcome({"model": card.id, "held_mib": held_mib, "resident": _residents(runtime)})


def _unload(record: JobRecord, runtime: Runtime) -> Outcome:
    if record.params.get("idle"):
        return Outcome({"unloaded": runtime.residency.expire_idle(), "resident": _residents(runtime)})
    gone = runtime.residency.unload(record.params.get("model_id"))
    return Outcome({"unloaded": gone, "resident": _residents(runtime)})


def _residents(runtime: Runtime) -> list[dict[str, object]]:
    return [resident.model_dump() for resident in runtime.residency.residents()]
