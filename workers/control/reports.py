"""What a worker says of itself: its state, its GPU, what it holds and runs."""

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from shared.jobs.store import JobStore
from shared.log import logger
from shared.rack.happenings import Happening, Happenings
from shared.rack.worker_registry import GpuFacts, Resident, WorkerRegistry, WorkerReport, WorkerState
from shared.redis import keys
from shared.redis.client import redis_errors
from workers.devices.slot import Slot


def state_of(*, can_work: bool, is_leaving: bool, has_yielded: bool, has_jobs: bool) -> WorkerState:
    """What a worker is, of what is true of it. Pure.

    Args:
        can_work: its child is up.
        is_leaving: it takes no more jobs, because a person or a signal said so.
    """
    if not can_work:
        return WorkerState.STARTING
    if is_leaving:
        return WorkerState.DRAINING
    if has_yielded:
        return WorkerState.YIELDING
    return WorkerState.BUSY if has_jobs else WorkerState.READY


class Standing:
    """Whether this worker may take jobs. `on_pause` hears at each look whether a person has paused it."""

    def __init__(
        self,
        name: str,
        registry: WorkerRegistry,
        *,
        on_pause: Callable[[bool], None],
        has_yielded: Callable[[], bool],
        can_work: Callable[[], bool],
    ) -> None:
        self._name = name
        self._registry = registry
        self._on_pause = on_pause
        self._has_yielded = has_yielded
        self._can_work = can_work
        self._is_paused = False
        self._is_draining = False
        #: Whether Redis may have it that this worker takes nobody: of the one before it, too.
        self._may_be_said = True
        #: Two threads tell; what was true before must not be said after what is.
        self._pen = threading.Lock()

    def look(self) -> None:
        """See whether it was paused, or told to go on. Raises `RedisUnavailable`; then it stays as it was."""
        is_paused = self._registry.is_paused(self._name)
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            logger().info("worker.paused" if is_paused else "worker.resumed")
        self._on_pause(is_paused)

    def drain(self) -> None:
        """It takes no more jobs and ends after the one it runs."""
        self._is_draining = True

    def tell(self) -> None:
        """Let its child hear whether it may take more jobs; call it every `REPORT_EVERY_S`, for what is said is soon
        forgotten. Raises `RedisUnavailable`; then it is said the next time."""
        with self._pen:
            if self._is_draining or self._has_yielded():
                self._may_be_said = True
                self._registry.drain(self._name)
            elif self._may_be_said:
                self._registry.stays(self._name)
                self._may_be_said = False

    def state(self, *, has_jobs: bool) -> WorkerState:
        return state_of(
            can_work=self._can_work(),
            is_leaving=self._is_paused or self._is_draining,
            has_yielded=self._has_yielded(),
            has_jobs=has_jobs,
        )


class Reports:
    """One worker's reports, from its start on."""

    def __init__(
        self,
        slot: Slot,
        store: JobStore,
        registry: WorkerRegistry,
        standing: Standing,
        *,
        facts: Callable[[], GpuFacts],
        jobs: Callable[[], tuple[str, ...]],
    ) -> None:
        """
        Args:
            facts: reads the GPU.
            jobs: ids of those it holds now.
        """
        self._slot = slot
        self._store = store
        self._registry = registry
        self._standing = standing
        self._facts = facts
        self._jobs = jobs
        self._happenings = Happenings(store.redis)
        #: Models that were resident at the last report.
        self._seen: set[str] = set()
        self._version = version("darkroom")
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")

    def tell(self) -> None:
        """Call it every `REPORT_EVERY_S`. Raises `RedisUnavailable`."""
        jobs, models = self._jobs(), self._residents()
        self._tell_moves({each.model for each in models})
        state = self._standing.state(has_jobs=bool(jobs))
        self._registry.report(
            WorkerReport(
                name=self._slot.name,
                host=os.uname().nodename,
                pid=os.getpid(),
                state=state,
                note=self._note(state),
                gpu=self._facts(),
                budget_mib=self._slot.budget_mib,
                held_mib=sum(model.held_mib for model in models),
                models=self._slot.models,
                too_large=self._slot.too_large,
                resident=models,
                jobs=jobs,
                started_at=self._started_at,
                version=self._version,
                reported_at_s=time.time(),
            )
        )

    def _tell_moves(self, models: set[str]) -> None:
        """Which models came and went since the last report."""
        for kind, names in (
            (Happening.MODEL_LOADED, models - self._seen),
            (Happening.MODEL_LEFT, self._seen - models),
        ):
            for model in sorted(names):
                self._happenings.tell(kind, worker=self._slot.name, model=model)
        self._seen = models

    def _residents(self) -> tuple[Resident, ...]:
        """What the child last said it holds."""
        with redis_errors():
            told = self._store.redis.get(keys.resident(self._slot.name))
        return tuple(Resident.model_validate(row) for row in json.loads(told or "[]"))

    def _note(self, state: WorkerState) -> str:
        trouble = self._registry.trouble(self._slot.name) if state == WorkerState.STARTING else ""
        return trouble or self._slot.note
