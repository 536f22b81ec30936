"""What a worker's child does before it may take jobs, and what it does when it cannot.

Celery catches every exception of a signal handler and goes on: a child that failed to start would take tickets and fail
them one after the other. So whatever goes wrong here ends the process, before it has said that it is up, and leaves a
sentence where the main process, the launcher and everybody who asks for the status find it.
"""

import contextlib
from typing import NoReturn

from celery import Celery

from shared.errors import DarkroomError, NotReady, RedisUnavailable
from shared.log import logger
from shared.models.catalogue import load_catalogue
from shared.models.measurements import Measurements
from shared.rack.worker_registry import WorkerRegistry
from shared.redis.client import connect, until_redis_answers
from shared.settings import Settings
from workers import assembly
from workers.control.watchdog import CHILD_DIED
from workers.devices.slot import Slot
from workers.engines.registry import load_libraries
from workers.engines.torch_tools import cuda_probe, levers
from workers.execution.runner import Runner
from workers.execution.runtime import build, warm_up
from workers.memory.measured_peaks import MeasuredPeaks
from workers.recovery.recovery import Recovery

#: How a child ends that cannot work (sysexits.h: EX_UNAVAILABLE).
CANNOT_WORK_STATUS = 69


def start(settings: Settings, slot: Slot, app: Celery) -> Runner:
    """Everything a child needs for its jobs. Whatever its predecessor held is free again at once.

    Raises:
        NotReady: torch cannot use the GPU. DarkroomError: the settings or the store do not allow any work.
    """
    if not slot.is_cpu and (refusal := cuda_probe.refusal()) is not None:
        raise NotReady(refusal)
    catalogue = load_catalogue(settings)
    client = connect(settings.required_redis_url(), settings.worker_redis_timeout_s)
    levers.pull_for_process(settings.levers, is_cpu=slot.is_cpu)
    plans = assembly.plans_of(settings, slot, catalogue, MeasuredPeaks(Measurements(client)))
    residency = assembly.residency_of(settings, slot, catalogue, plans)
    threads = assembly.threads_of(settings, slot, catalogue)
    known, gpu = assembly.known_hashes(slot, catalogue), assembly.gpu_reader(slot)
    runtime = build(settings, slot, app, catalogue, plans, residency, threads, gpu, known)
    recovery = Recovery(runtime.store, runtime.dispatcher, settings)
    until_redis_answers(lambda: recovery.release_slot(slot.name, CHILD_DIED))
    runtime.tell_residents()
    warm_up(lambda: load_libraries({catalogue.get(model).engine for model in slot.models}))
    runner = Runner(runtime)
    runner.watch()
    return runner


def refuse(settings: Settings, slot: Slot, why: Exception) -> NoReturn:
    """End this process with a sentence. Without Redis nobody reads it but the log."""
    reason = why.message if isinstance(why, DarkroomError) else f"{type(why).__name__}: {str(why)[:300]}"
    known = isinstance(why, DarkroomError)
    logger().error("child.cannot_work", worker=slot.name, gpu=slot.gpu, reason=reason, exc_info=None if known else why)
    with contextlib.suppress(RedisUnavailable):
        client = connect(settings.required_redis_url(), settings.worker_redis_timeout_s)
        WorkerRegistry(client).tell_trouble(slot.name, reason)
    raise SystemExit(CANNOT_WORK_STATUS)
