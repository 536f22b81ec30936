"""Commands to a worker, carried out between jobs like a job: bring a model onto the GPU, take it off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.contracts.commands import SwitchParams, UnloadParams
from shared.contracts.jobs import JobRecord
from shared.settings import Settings
from workers.execution.kinds.base import Outcome
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.shapes import default_shape


@dataclass(frozen=True)
class Command:
    """A kind of job that is carried out one by one."""

    carry_out: Callable[[JobRecord, Runtime], Outcome]

    def most_peers(self, record: JobRecord, settings: Settings) -> int:
        """None: a model in use never leaves, because commands run alone."""
        return 0

    def run(
        self, records: Sequence[JobRecord], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch
    ) -> list[Outcome]:
        """See `JobKind`."""
        return [self.carry_out(record, runtime) for record in records]


def _switch(record: JobRecord, runtime: Runtime) -> Outcome:
    """Load a model, and pin or unpin it if asked; the result tells what is loaded then."""
    asked = SwitchParams.model_validate(record.params)
    card = runtime.catalogue.get(record.model)
    need = runtime.plans.need(card, default_shape(card))
    with runtime.residency.using(card, need.peak_mib, need.host_mib) as engine:
        held_mib = engine.held_mib()
    if asked.pin is not None:
        (runtime.residency.pin if asked.pin else runtime.residency.unpin)(card.id)
    return Outcome({"model": card.id, "held_mib": held_mib, "resident": _residents(runtime)})


def _unload(record: JobRecord, runtime: Runtime) -> Outcome:
    """Unload one model (its pin goes too), all that are not pinned, or (`idle`) what nobody used for long."""
    asked = UnloadParams.model_validate(record.params)
    gone = runtime.residency.expire_idle() if asked.idle else runtime.residency.unload(asked.model_id)
    return Outcome({"unloaded": gone, "resident": _residents(runtime)})


def _residents(runtime: Runtime) -> list[dict[str, object]]:
    return [resident.model_dump() for resident in runtime.residency.residents()]


SWITCH = Command(_switch)
UNLOAD = Command(_unload)
