"""Where queued jobs stand and when they will be done: positions are read each time, paces at most once a second.

The arithmetic is `shared.jobs.eta`; this gathers what it needs: who lives and serves which model, what is queued, and the times
that runs have taught.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.contracts.jobs import JobRecord, QueuePlace, State
from shared.contracts.kinds import KIND_RULES
from shared.jobs.eta import Pace, eta_s
from shared.jobs.routing import split
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.models.measurements import JOB, LOAD, Measured, Measurements
from shared.rack.worker_registry import TAKES_JOBS, WorkerRegistry, WorkerReport

#: How long what was gathered is used.
FRESH_S = 1.0

Times = Mapping[tuple[str, str], Measured]


@dataclass(frozen=True)
class Facts:
    """What was true at one moment."""

    workers: tuple[WorkerReport, ...] = ()
    #: Model → jobs that could start now, all priorities.
    queued: Mapping[str, int] = field(default_factory=dict)
    #: Model → what was measured of it.
    times: Mapping[str, Times] = field(default_factory=dict)


class QueueForecast:
    """All that an answer says about the future."""

    def __init__(
        self,
        store: JobStore,
        shares: Shares,
        registry: WorkerRegistry,
        learned: Measurements,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._shares = shares
        self._registry = registry
        self._learned = learned
        self._clock = clock
        self._guard = threading.Lock()
        self._facts = Facts()
        self._gathered_at = float("-inf")

    def places(self, records: Iterable[JobRecord]) -> dict[str, QueuePlace]:
        """Where each queued record stands."""
        queued = [record for record in records if record.state == State.QUEUED]
        if not queued:
            return {}
        facts = self._now()
        paces = {queue: pace_of(queue, facts) for queue in {record.queue for record in queued}}
        return {
            record.id: QueuePlace(position=position, eta_s=_eta(record, position, paces[record.queue], facts))
            for record, position in zip(queued, self._shares.positions(queued), strict=True)
        }

    def _now(self) -> Facts:
        with self._guard:
            if self._clock() - self._gathered_at >= FRESH_S:
                self._facts = self._gather()
                self._gathered_at = self._clock()
            return self._facts

    def _gather(self) -> Facts:
        workers = tuple(worker for worker in self._registry.living() if worker.state in TAKES_JOBS)
        queued: dict[str, int] = {}
        waiting = [queue for queue, depth in self._store.queue_depths().items() if depth]
        for queue, depth in zip(waiting, self._shares.ready_in(waiting), strict=True):
            queued[split(queue)[0]] = queued.get(split(queue)[0], 0) + depth
        wanted = {model for model, depth in queued.items() if depth and not model.startswith("@")}
        return Facts(workers, queued, {model: self._learned.times(model) for model in wanted})


def pace_of(queue: str, facts: Facts) -> Pace:
    """What is known about the queue of one model, or of one worker ("@name")."""
    name, _ = split(queue)
    serving = [w for w in facts.workers if name in (f"@{w.name}", *w.models)]
    is_loaded = name.startswith("@") or any(r.model == name for w in serving for r in w.resident)
    others = {model for w in serving for model in w.models} - {name}
    return Pace(
        workers=len(serving),
        idle=sum(not worker.jobs for worker in serving),
        job_s=usual_s(name, JOB, serving, facts),
        load_s=0.0 if is_loaded else usual_s(name, LOAD, serving, facts),
        others_s=tuple(_backlog_s(model, serving, facts) for model in others if facts.queued.get(model)),
    )


def usual_s(model: str, what: str, workers: Iterable[WorkerReport], facts: Facts) -> float | None:
    """The average over these workers, by their samples, in seconds; None: none of them measured it."""
    names = {worker.name for worker in workers}
    times = facts.times.get(model, {})
    found = [m for (worker, measured), m in times.items() if worker in names and measured == what]
    samples = sum(m.samples for m in found)
    return sum(m.value * m.samples for m in found) / samples / 1000 if samples else None


def _backlog_s(model: str, workers: Iterable[WorkerReport], facts: Facts) -> float | None:
    job_s = usual_s(model, JOB, workers, facts)
    return None if job_s is None else facts.queued[model] * job_s


def _eta(record: JobRecord, position: int | None, pace: Pace, facts: Facts) -> float | None:
    if position is None:
        return None
    return eta_s(position, _own_s(record, facts), pace)


def _own_s(record: JobRecord, facts: Facts) -> float | None:
    """This very job, where its steps were measured at its size."""
    cost = KIND_RULES[record.kind].cost(record.params)
    if cost is None:
        return None
    serving = [worker for worker in facts.workers if record.model in worker.models]
    unit_s = usual_s(record.model, cost.size, serving, facts)
    return None if unit_s is None else unit_s * cost.units
