"""Wire names bound to functions, and what happens when a worker's processes start and stop.

The Celery app is made at import, the one exception to our rule: Celery's command line finds it by name
(`celery -A workers.tasks worker`), in the main process and again in each spawned child.
"""

import os
import warnings
from typing import Any

from celery import signals
from celery.exceptions import Ignore
from celery.platforms import SecurityWarning

from shared import log, settings
from shared.queue.broker import RUN_JOB, make_app
from workers import assembly, child_start
from workers.control.queue_order import ReaderOrder
from workers.control.tickets import STRATEGY, queue_of_ticket
from workers.devices import slot
from workers.execution.continuation import carry_on
from workers.execution.runner import NotOurs, Runner

# Celery warns root because of pickle, which this app does not accept (JSON only).
warnings.filterwarnings("ignore", category=SecurityWarning)
SETTINGS = settings.from_environment()
app = make_app(SETTINGS, for_worker=True)
app.conf.broker_transport_options["queue_order_strategy"] = f"{ReaderOrder.__module__}.{ReaderOrder.__name__}"

#: How a child ends that lost its GPU (sysexits.h: EX_IOERR).
LOST_DEVICE_STATUS = 74

#: What this process owns: the child its runner, the main process its `MainProcess`.
_owned: dict[str, Any] = {}


@app.task(name=RUN_JOB, bind=True, Strategy=STRATEGY)
def run_job(self: Any, job_id: str) -> None:
    """Run the next job of the queue that this ticket came from; then Celery sends the next ticket of its chain."""
    runner: Runner = _owned["runner"]
    try:
        following = runner.run(job_id, queue_of_ticket(self.request.delivery_info))
    except NotOurs as exc:
        log.logger().info("message.dropped", job=job_id, reason=str(exc))
        raise Ignore() from exc
    if not carry_on(self.request.chain, following, runner.send):
        raise Ignore()


@signals.worker_process_init.connect
def _start_child(**_: Any) -> None:
    """A new child. It counts as up once this returns; what is raised here Celery would catch and go on."""
    log.configure(json_lines=SETTINGS.log_json)
    mine = slot.from_environment()
    try:
        _owned["runner"] = child_start.start(SETTINGS, mine, app)
    except Exception as exc:
        child_start.refuse(SETTINGS, mine, exc)


@signals.task_postrun.connect
def _recycle_child(**_: Any) -> None:
    """A child that lost its GPU, or cannot get its memory back, ends after the job, and the pool starts another.

    Its job is on record by now and the next of its chain sent. Celery takes the message for one whose worker was lost and
    sends it once more; that duplicate finds the job done.
    """
    if "runner" in _owned and _owned["runner"].has_lost_device:
        log.logger().error("child.ended", reason="it lost its GPU")
        _owned["runner"].leave()
        # At once: what a library wants to tidy up on its way out would wait for a GPU that does not answer.
        os._exit(LOST_DEVICE_STATUS)
    if "runner" in _owned and _owned["runner"].has_leaked:
        log.logger().warning("child.recycled", reason="unloaded models left memory behind")
        raise SystemExit


@signals.worker_process_shutdown.connect
def _leave_child(**_: Any) -> None:
    """The child ends, recycled or at the end of a drain: a run between two tickets gives its jobs back."""
    if "runner" in _owned:
        _owned["runner"].leave()


@signals.worker_ready.connect
def _start_main(sender: Any, **_: Any) -> None:
    """The main process. Celery would catch what is raised here and go on, without leases and without recovery."""
    log.configure(json_lines=SETTINGS.log_json)
    try:
        main = assembly.main_process(SETTINGS, slot.from_environment(), app, lambda: sender.pool._pool)
    except Exception as exc:
        log.logger().error("worker.cannot_work", exc_info=exc)
        raise SystemExit(1) from exc
    _owned["main"] = main
    main.start()


@signals.worker_shutting_down.connect
def _drain_main(**_: Any) -> None:
    if "main" in _owned:
        _owned["main"].drain()


@signals.worker_shutdown.connect
def _stop_main(**_: Any) -> None:
    if "main" in _owned:
        _owned["main"].stop()
