"""The process of one slot: lock the GPU, start, notice death, restart with back-off, stop.

A worker tells through a pipe when it is ready. One that dies before is broken, and starting it again and again may not
help: the pauses grow, and after GIVE_UP_AFTER such deaths in a row it is left dead. Meanwhile its slot is reported
unhealthy, with the reason that its child left. One that was ready was killed by something outside, however young it was:
it starts again at once.

The worker runs in its own process group, so that it and its child end together. What the caller set on the command line
travels as environment variables: parent, main process and spawned child read the same settings.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import redis

from shared.contracts.jobs import Reason
from shared.errors import RedisUnavailable
from shared.log import logger
from shared.processes import dies_with_parent
from shared.queue.broker import STOP_MARGIN_S, node_name
from shared.rack.happenings import Happening, Happenings
from shared.rack.worker_registry import REPORT_EVERY_S, WorkerRegistry, WorkerReport, WorkerState
from workers.devices import gpu
from workers.devices.allocator_settings import allocator_environment
from workers.devices.gpu_lock import GpuLock
from workers.devices.slot import Slot
from workers.recovery.recovery import Recovery
from workers.supervisor.ready_pipe import ReadyPipe

RENEW_EVERY_S = 3.0
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
#: Deaths in a row, each before it was ready, after which nothing helps but a person.
GIVE_UP_AFTER = 10


def thread_settings(threads: int) -> dict[str, str]:
    """What the libraries of a worker read about threads as they start, whatever the caller's own environment says.

    The child sets how many compute, model by model (`workers.execution.threads`); this is their upper limit until then.
    """
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # numpy's and scipy's own pools: nothing of a job's weight is computed there.
        "OPENBLAS_NUM_THREADS": "1",
        # Idle OpenMP threads that spin would take the cores from other workers (measured: up to 30 times slower).
        # The other two say the same to GNU's and to LLVM's runtime, and would win over it.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
        # A runtime that takes fewer threads when the machine is busy would round otherwise from step to step.
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
    }


class SlotProcess:
    """One worker of this host. `tend` is called several times a second, `stop` once."""

    def __init__(self, slot: Slot, client: "redis.Redis", recovery: Recovery) -> None:
        self.slot = slot
        self._lock = GpuLock(client, slot)
        self._recovery = recovery
        self._registry = WorkerRegistry(client)
        self._happenings = Happenings(client)
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: ReadyPipe | None = None
        self._started_at = 0.0
        self._start_after = 0.0
        self._renew_after = 0.0
        self._report_after = 0.0
        self._deaths = 0
        self._locked = False

    @property
    def gave_up(self) -> bool:
        return self._deaths >= GIVE_UP_AFTER

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def tend(self) -> None:
        """Do what is due: renew the lock, start, notice a death, speak for a worker that cannot."""
        if self._process is None and self._deaths and time.monotonic() >= self._report_after:
            self._report_trouble()
        if self.gave_up:
            return
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process.returncode)
        if time.monotonic() >= self._renew_after:
            self._renew_lock()
        if self._process is None and self._locked and time.monotonic() >= self._start_after:
            self._start()

    def stop(self, drain_s: float, at_once: threading.Event) -> None:
        """End the worker: its running job may finish within `drain_s`, then it goes back to the queue."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._wait(drain_s, at_once)
            if self._process.poll() is None:
                self._kill()
        self._hand_back(Reason.DRAINED)
        with contextlib.suppress(RedisUnavailable):
            self._registry.leave(self.slot.name)
            self._lock.release()

    def _report_trouble(self) -> None:
        """A worker that is not there cannot say why. It serves no model now, so no request counts on it."""
        self._report_after = time.monotonic() + REPORT_EVERY_S
        then = "given up, see its log" if self.gave_up else f"start {self._deaths + 1} of {GIVE_UP_AFTER} follows"
        try:
            reason = self._registry.trouble(self.slot.name) or "it ends before it is ready"
            self._registry.report(
                WorkerReport(
                    name=self.slot.name,
                    host=os.uname().nodename,
                    pid=os.getpid(),
                    state=WorkerState.UNHEALTHY,
                    note=f"{reason} ({then})",
                    gpu=gpu.facts(self.slot.gpu, self.slot.total_mib),
                    budget_mib=self.slot.budget_mib,
                    too_large=self.slot.too_large,
                    reported_at_s=time.time(),
                )
            )
        except RedisUnavailable as exc:
            logger().warning("slot.not_reported", worker=self.slot.name, reason=exc.message)

    def _renew_lock(self) -> None:
        self._renew_after = time.monotonic() + RENEW_EVERY_S
        try:
            self._locked = self._lock.hold([os.getpid(), *([self._process.pid] if self._process else [])])
        except RedisUnavailable as exc:
            logger().warning("slot.lock_not_renewed", worker=self.slot.name, reason=exc.message)
            return
        if self._locked:
            return
        logger().warning("slot.taken", worker=self.slot.name, gpu=self.slot.gpu)
        # With a process: we were silent for so long that another launcher has the GPU, and two workers would fight.
        self._kill()

    # -- the process -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._ready = ReadyPipe()
        self._process = subprocess.Popen(
            self._command(),
            env=os.environ | self._environment() | self._ready.as_environment(),
            pass_fds=[self._ready.write_end],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(),
        )
        self._ready.hand_over()
        self._renew_after = 0.0  # so that the lock names the new process
        logger().info("worker.started", worker=self.slot.name, gpu=self.slot.gpu, pid=self._process.pid)

    def _command(self) -> list[str]:
        node = node_name(self.slot.name, int(time.time()))
        queues = ",".join(self.slot.queues)
        flags = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        return [
            sys.executable,
            "-m",
            "celery",
            "--quiet",
            "-A",
            "workers.tasks",
            "worker",
            "-n",
            node,
            "-Q",
            queues,
            *flags,
        ]

    def _environment(self) -> dict[str, str]:
        visible = {"CUDA_VISIBLE_DEVICES": "" if self.slot.is_cpu else self.slot.gpu}
        allocator = {} if self.slot.is_cpu else allocator_environment(os.environ)
        return self.slot.as_environment() | thread_settings(self.slot.threads) | visible | allocator

    def _bury(self, status: int) -> None:
        lived_s = time.monotonic() - self._started_at
        self._kill()  # a child that outlived its main process would still hold the GPU
        self._process = None
        was_ready = self._ready.close() if self._ready is not None else False
        self._deaths = 0 if was_ready else self._deaths + 1
        pause_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (self._deaths - 1)) if self._deaths else 0.0
        self._start_after = time.monotonic() + pause_s
        logger().error("worker.died", worker=self.slot.name, status=status, lived_s=round(lived_s, 1), pause_s=pause_s)
        self._happenings.tell(Happening.WORKER_DIED, worker=self.slot.name, status=status, lived_s=round(lived_s, 1))
        if self.gave_up:
            logger().error("worker.given_up", worker=self.slot.name, deaths=self._deaths)
            self._happenings.tell(Happening.WORKER_GIVEN_UP, worker=self.slot.name, deaths=self._deaths)
        self._hand_back(f"the worker process died (status {status})")

    def _hand_back(self, reason: str) -> None:
        """Its jobs go back to the queue at once; without Redis their leases run out instead."""
        try:
            self._recovery.release_slot(self.slot.name, reason)
        except RedisUnavailable as exc:
            logger().warning("slot.not_released", worker=self.slot.name, reason=exc.message)

    def _wait(self, limit_s: float, at_once: threading.Event) -> None:
        limit = time.monotonic() + limit_s
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() >= limit or at_once.wait(0.05):
                return

    def _kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=STOP_MARGIN_S)
