"""Chains that stand still: a step whose predecessor has ended, a step parked with a worker that is gone.

Both happen when a worker dies between two writes. Nothing here is needed in a quiet hour, and every move may be made
twice.
"""

import contextlib
import time
from collections.abc import Callable, Collection

from shared.batches.store import BatchStore
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.errors import Gone, IllegalMove, NotFound
from shared.jobs import lifecycle
from shared.jobs.chain_rules import rerouted
from shared.jobs.chains import Chains
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import TAKES_JOBS, WorkerRegistry, WorkerState
from shared.settings import Settings

#: What ended so lately is still being seen to by the worker that ended it.
GRACE_MS = 1000
#: Waiting steps, and parked ones of a queue, looked at in one go.
AT_ONCE = 500
FORGET_EVERY_S = 60.0
#: States of a worker that reads its own queue, or soon will.
READS_ITS_OWN = TAKES_JOBS | {WorkerState.STARTING}


class StalledChains:
    """Looks after chains; one feeder at a time does."""

    def __init__(
        self,
        store: JobStore,
        chains: Chains,
        dispatcher: Dispatcher,
        registry: WorkerRegistry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._chains = chains
        self._dispatcher = dispatcher
        self._registry = registry
        self._batches = BatchStore(store.redis, settings)
        self._every_s = settings.recovery_interval_s
        self._clock = clock
        self._next_look = self._next_forget = float("-inf")
        #: Where the next look at the waiting steps starts: thousands must not hide the one that stands still.
        self._start = 0

    def look(self) -> None:
        """One look, if it is time for one."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + self._every_s
        self.move_on()
        self.reroute_parked()
        if now >= self._next_forget:
            self._next_forget = now + FORGET_EVERY_S
            self._batches.forget_expired()

    def move_on(self) -> int:
        """Release, or end, steps whose predecessor has ended; returns how many."""
        moved = 0
        for record, previous in self._standing():
            if previous is None:
                self._drop_headless(record)
                continue
            # A resumed chain starts behind a step of an earlier round, which names another job as its next.
            following = self._chains.advance(previous.model_copy(update={"next_id": record.id}))
            logger().warning("chain.moved_on", job=record.id, previous=previous.state.value)
            moved += 1
            if following is not None:
                self._dispatcher.try_resend(following)
        return moved

    def _standing(self) -> list[tuple[JobRecord, JobRecord | None]]:
        """Waiting steps whose predecessor ended some time ago, or is not there; with it.

        Looks at two fields of each first: in a quiet hour hundreds wait and none stands still.
        """
        waiting = self._waiting()
        ended_ms = self._ended_ms(set(waiting.values()))
        latest_ms = self._store.now_ms() - GRACE_MS
        standing = {i: before for i, before in waiting.items() if stands_still(ended_ms[before], latest_ms)}
        records = self._store.get_many([*standing])
        previous = self._store.get_many([*standing.values()])
        return [(record, last) for record, last in zip(records, previous, strict=True) if record is not None]

    def _waiting(self) -> dict[str, str]:
        """The next waiting steps that have a predecessor, with its id."""
        ids = self._store.ids_between(State.WAITING, self._start, self._start + AT_ONCE - 1)
        self._start = self._start + AT_ONCE if len(ids) == AT_ONCE else 0
        rows = zip(ids, self._store.fields_of(ids, "previous_id"), strict=True)
        return {job_id: text(before) for job_id, (before,) in rows if before}

    def _ended_ms(self, job_ids: Collection[str]) -> dict[str, int | None]:
        """When each job ended; 0: it lives, None: it is not there."""
        rows = zip(job_ids, self._store.fields_of([*job_ids], "ended_at_ms", "state"), strict=True)
        return {job_id: int(ended_ms or 0) if state else None for job_id, (ended_ms, state) in rows}

    def _drop_headless(self, record: JobRecord) -> None:
        """Its first step was never made, because the batch was cancelled meanwhile; a living batch's is still to come."""
        if self._is_under_way(record.batch):
            return
        with contextlib.suppress(IllegalMove, NotFound, Gone):
            self._store.move(record.id, lifecycle.cancel)

    def _is_under_way(self, batch_id: str) -> bool:
        """A batch that is deleted or has expired is not."""
        try:
            return not self._batches.get(batch_id).is_over
        except (NotFound, Gone):
            return False

    def reroute_parked(self) -> int:
        """Jobs in the own queue of a worker that is gone or paused go to whoever serves their model."""
        own = [queue for queue, depth in self._store.queue_depths().items() if depth and queue.startswith("@")]
        if not own:
            return 0
        reading = {worker.name for worker in self._registry.living() if worker.state in READS_ITS_OWN}
        left = [queue for queue in own if queue[1:].rpartition(".")[0] not in reading]
        return sum(self._reroute(queue) for queue in left)

    def _reroute(self, queue: str) -> int:
        moved = 0
        for record in self._store.get_many(self._store.queued_in(queue, AT_ONCE)):
            if record is None or not KIND_RULES[record.kind].is_work:
                continue
            try:
                again = self._store.move(record.id, rerouted)
            except (IllegalMove, NotFound, Gone):
                continue
            self._dispatcher.try_resend(again)
            moved += 1
        if moved:
            logger().warning("jobs.rerouted", queue=queue, jobs=moved)
        return moved


def stands_still(ended_ms: int | None, latest_ms: int) -> bool:
    """Whether a step whose predecessor ended then stands still. Pure."""
    return ended_ms is None or 0 < ended_ms <= latest_ms
