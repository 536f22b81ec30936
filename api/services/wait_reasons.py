"""Why queued jobs wait, for answers: what the workers say and load is read at most once a second, whatever is asked.

The words are `shared.jobs.stillness` and `shared.jobs.turns`; this gathers what they need. For a thousand jobs that is two
round trips: their places in the order of arrival, and among their owner's own.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.jobs import JobRecord, QueuePlace, State
from shared.contracts.waits import Waits
from shared.jobs.codec import text
from shared.jobs.index import Standing
from shared.jobs.stillness import waits
from shared.jobs.store import JobStore
from shared.jobs.turns import Loading, Turn, told
from shared.models.measurements import LOAD, Measurements
from shared.rack.worker_registry import WorkerRegistry, WorkerReport
from shared.settings import Settings

#: How long what was gathered is used.
FRESH_S = 1.0


@dataclass(frozen=True)
class Rack:
    """What the workers said at one moment."""

    workers: tuple[WorkerReport, ...] = ()
    #: Model → who is loading it.
    loading: Mapping[str, tuple[Loading, ...]] = field(default_factory=dict)


class WaitReasons:
    """Says why. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(
        self,
        store: JobStore,
        registry: WorkerRegistry,
        learned: Measurements,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._registry = registry
        self._learned = learned
        self._settings = settings
        self._clock = clock
        self._guard = threading.Lock()
        self._rack = Rack()
        self._gathered_at = float("-inf")

    def of(self, records: Sequence[JobRecord], places: Mapping[str, QueuePlace]) -> dict[str, Waits]:
        """Of each queued record, by what is known of its place."""
        queued = [record for record in records if record.state == State.QUEUED]
        if not queued:
            return {}
        rack = self._now()
        now_ms, standings = self._store.standings(queued)
        known: dict[tuple[str, str], Waits] = {}
        found = {}
        for record in queued:
            if record.held or now_ms < record.not_before_ms:
                found[record.id] = waits(record, rack.workers, now_ms, self._settings)
                continue
            # The same for all others of a queue.
            alike = record.queue, record.model
            if alike not in known:
                known[alike] = waits(record, rack.workers, now_ms, self._settings)
            turn = _turn(record, places.get(record.id) or QueuePlace(), standings[record.id])
            found[record.id] = told(known[alike], turn, rack.loading.get(record.model, ()))
        return found

    def _now(self) -> Rack:
        with self._guard:
            if self._clock() - self._gathered_at >= FRESH_S:
                self._rack = self._gather()
                self._gathered_at = self._clock()
            return self._rack

    def _gather(self) -> Rack:
        workers = tuple(self._registry.living())
        running = [job_id for worker in workers for job_id in worker.jobs]
        if not running:
            return Rack(workers)
        now_ms = self._store.now_ms()
        loading: dict[str, dict[str, Loading]] = {}
        for state, model, worker, progress, started_ms in self._store.fields_of(
            running, "state", "model", "worker", "progress", "started_at_ms"
        ):
            if state is None or text(state) != State.RUNNING or not _is_loading(progress):
                continue
            name, by = text(model), text(worker)
            usual_ms = self._learned.time_ms(name, LOAD, by)
            for_s = max(0, now_ms - int(started_ms or now_ms)) / 1000
            loading.setdefault(name, {})[by] = Loading(name, for_s, usual_ms / 1000 if usual_ms else None)
        return Rack(workers, {name: tuple(by.values()) for name, by in loading.items()})


def _is_loading(progress: bytes | None) -> bool:
    """A job that was just claimed has no progress of its own yet: it loads."""
    return progress is None or json.loads(progress).get("phase") == "loading"


def _turn(record: JobRecord, place: QueuePlace, standing: Standing) -> Turn:
    by_arrival = standing.by_arrival
    starts_in_s = None if place.eta_s is None else max(0.0, place.eta_s - record.cost_s)
    is_passed_by = place.position is not None and by_arrival is not None and place.position > by_arrival
    return Turn(place.position, standing.own, starts_in_s, is_passed_by)
