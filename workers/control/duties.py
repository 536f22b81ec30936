"""What a worker's main process does beside Celery: renew leases, kill a hung child, report, recover, pause.

Two threads in the main process, which runs no native code of ours: a thread in the child starves whenever a kernel holds
the GIL, and a timer in Celery's loop stands still while Celery reconnects. The main process never touches CUDA. Leases
have a thread of their own, because every running job hangs on them: no duty whose cost grows with the queues, the folder
of pictures or a driver that does not answer may delay them.

Hangs are judged by progress, not by wall clock: a job that gave no sign of life for longer than its phase allows loses
its child, whatever it is doing there.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

from shared.errors import DarkroomError, RedisUnavailable
from shared.jobs.store import HeldJob, JobStore
from shared.log import logger
from shared.rack.worker_registry import REPORT_EVERY_S, GpuFacts, Resident, WorkerRegistry, WorkerReport
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings
from workers.devices.gpu_lock import GpuLock
from workers.devices.slot import Slot
from workers.recovery.recovery import Recovery

TICK_S = 0.2


class Keeper(threading.Thread):
    """The main process' second duty. `children` tells the pids of the pool; `facts` reads the card; `has_yielded` says
    whether it was left to a foreign program, `can_work` whether the child is up."""

    def __init__(
        self,
        *,
        settings: Settings,
        slot: Slot,
        store: JobStore,
        registry: WorkerRegistry,
        recovery: Recovery,
        gpu_lock: GpuLock,
        children: Callable[[], list[int]],
        facts: Callable[[], GpuFacts],
        on_pause: Callable[[bool], None],
        has_yielded: Callable[[], bool] = lambda: False,
        can_work: Callable[[], bool] = lambda: True,
        version: str,
        started_at: str,
        more_duties: Sequence[tuple[float, Callable[[], None]]] = (),
    ) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings = settings
        self._slot = slot
        self._store = store
        self._registry = registry
        self._recovery = recovery
        self._gpu_lock = gpu_lock
        self._children = children
        self._facts = facts
        self._on_pause = on_pause
        self._has_yielded = has_yielded
        self._can_work = can_work
        self._version = version
        self._started_at = started_at
        self._launcher_pid = os.getppid()
        self._is_orphan = False
        self._is_draining = False
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._urgent: set[Callable[[], None]] = set()
        self._held: list[HeldJob] = []
        self._paused = False
        self._outage_until = 0.0
        self._duties: list[tuple[float, Callable[[], None]]] = [
            (REPORT_EVERY_S, self._report),
            (REPORT_EVERY_S, self._look_for_orders),
            (settings.recovery_interval_s, recovery.sweep),
            (1.0, self._follow_launcher),
            *more_duties,
        ]

    def run(self) -> None:
        threading.Thread(target=self._keep_leases, name="leases", daemon=True).start()
        due = [0.0] * len(self._duties)
        while not self._stopping.is_set():
            for index, (every_s, duty) in enumerate(self._duties):
                if time.monotonic() >= due[index] or duty in self._urgent:
                    self._urgent.discard(duty)
                    self._do(duty)
                    due[index] = time.monotonic() + every_s
            self._hurry.wait(TICK_S)
            self._hurry.clear()

    def hurry(self, duty: Callable[[], None]) -> None:
        """Do this duty now instead of at its next turn."""
        self._urgent.add(duty)
        self._hurry.set()

    def _keep_leases(self) -> None:
        awake_at = time.monotonic()
        while True:
            if time.monotonic() - awake_at > self._settings.lease_s:
                # We were stopped, and perhaps our child with us: its silence proves nothing yet.
                self._outage_until = time.monotonic() + self._settings.lease_s
            awake_at = time.monotonic()
            self._do(self._renew)
            if self._stopping.wait(self._settings.lease_s / 3):
                return

    def drain(self) -> None:
        """The worker takes no more jobs and ends after the one it runs."""
        self._is_draining = True

    def stop(self) -> None:
        """The worker ends cleanly: it says so, instead of falling silent."""
        self._stopping.set()
        self._hurry.set()
        with contextlib.suppress(RedisUnavailable):
            self._registry.leave(self._slot.name)
            if self._is_orphan:
                self._gpu_lock.release_as(os.getpid())

    def _do(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except RedisUnavailable as exc:
            self._outage_until = time.monotonic() + self._settings.lease_s
            logger().warning("keeper.waits_for_redis", duty=duty.__name__, reason=exc.message)
        except Exception as exc:  # the keeper must outlive a bug in one duty: leases of running jobs hang on it
            logger().error("keeper.duty_failed", duty=duty.__name__, exc_info=exc)

    # -- leases and hangs --------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        self._held = self._store.renew(self._slot.name)
        if time.monotonic() < self._outage_until:
            return  # beats could not be written meanwhile: silence proves nothing yet
        hung = [held for held in self._held if held.silent_ms > 1000 * self._limit_s(held.phase)]
        if hung:
            self._kill_children(hung)

    def _limit_s(self, phase: str) -> float:
        limits = {"loading": self._settings.load_timeout_s, "storing": self._settings.store_timeout_s}
        return limits.get(phase, self._settings.step_timeout_s)

    def _kill_children(self, hung: list[HeldJob]) -> None:
        for pid in self._children():
            logger().error("child.killed", pid=pid, jobs=[held.id for held in hung], silent_ms=hung[0].silent_ms)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for held in hung:
            limit_s = self._limit_s(held.phase)
            self._recovery.lose(
                held.id, held.token, f"step_timeout: no progress for more than {limit_s:g} s while {held.phase}"
            )

    # -- words to others ---------------------------------------------------------------------------------------------

    def _report(self) -> None:
        with redis_errors():
            resident = self._store.redis.get(keys.resident(self._slot.name))
        state = self._state()
        models = tuple(Resident.model_validate(row) for row in json.loads(resident or "[]"))
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
                jobs=tuple(held.id for held in self._held),
                started_at=self._started_at,
                version=self._version,
                reported_at_s=time.time(),
            )
        )

    def _state(self) -> str:
        if not self._can_work():
            return "starting"
        if self._paused or self._is_draining:
            return "draining"
        if self._has_yielded():
            return "yielding"
        return "busy" if self._held else "ready"

    def _note(self, state: str) -> str:
        trouble = self._registry.trouble(self._slot.name) if state == "starting" else ""
        return trouble or self._slot.note

    # -- orders ------------------------------------------------------------------------------------------------------

    def _look_for_orders(self) -> None:
        paused = self._registry.is_paused(self._slot.name)
        if paused != self._paused:
            self._paused = paused
            logger().info("worker.paused" if paused else "worker.resumed")
        self._on_pause(paused)

    def _follow_launcher(self) -> None:
        """A worker whose launcher died drains and ends; until then its card stays locked against a new launcher."""
        if os.getppid() != self._launcher_pid and not self._is_orphan:
            logger().warning("launcher.lost")
            self._is_orphan = True
            end_this_worker(self._settings.drain_s)
        if self._is_orphan:
            self._gpu_lock.prolong(os.getpid())


def end_this_worker(limit_s: float) -> None:
    """Ask this main process to drain; what is left of it and its children after the limit is killed."""
    os.kill(os.getpid(), signal.SIGTERM)
    end = threading.Timer(limit_s, os.killpg, (os.getpgrp(), signal.SIGKILL))
    end.daemon = True
    end.start()


def facts_reader(read: Callable[[], GpuFacts], last_known: GpuFacts) -> Callable[[], GpuFacts]:
    """A reader that falls back to what it last knew when the driver does not answer."""
    known = [last_known]

    def facts() -> GpuFacts:
        try:
            known[0] = read()
        except DarkroomError as exc:
            logger().warning("gpu.silent", reason=exc.message)
        return known[0]

    return facts
