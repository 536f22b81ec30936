"""Wire names bound to functions, and what happens when a worker's processes start and stop.

The Celery app is made at import, the one exception to our rule: Celery's command line finds it by name
(`celery -A workers.tasks worker`), in the main process and again in each spawned child.
"""

import os
import threading
import time
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from celery import signals
from celery.exceptions import Ignore
from celery.platforms import SecurityWarning

from shared import log, settings
from shared.batches.store import BatchStore
from shared.jobs.store import JobStore
from shared.models.measurements import Learned
from shared.pictures.stores import open_store
from shared.queue.broker import RUN_JOB, STOP_MARGIN_S, make_app
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import WorkerRegistry
from shared.redis.client import connect
from workers import assembly, child_start
from workers.batches.feed_bell import FeedBell
from workers.batches.feeder import Feeder
from workers.batches.webhooks import Webhooks
from workers.control.affinity import ReaderOrder, set_provider
from workers.control.child_watch import FAILED_STARTS, ChildWatch, children_of
from workers.control.child_watch import LOOK_EVERY_S as CHILD_LOOK_EVERY_S
from workers.control.duties import Keeper, end_this_worker, facts_reader
from workers.control.giving_way import LOOK_EVERY_S
from workers.control.keep_alive import KeepAlive, OwnCommands
from workers.control.queue_order import Reader
from workers.control.tickets import STRATEGY, set_stale, stale_by
from workers.devices import slot
from workers.devices.gpu_lock import GpuLock
from workers.execution.continuation import carry_on
from workers.execution.runner import NotOurs, Runner
from workers.recovery.housekeeping import Housekeeping
from workers.recovery.recovery import Recovery
from workers.supervisor.ready_pipe import tell_ready

# Celery warns root because of pickle, which this app does not accept (JSON only).
warnings.filterwarnings("ignore", category=SecurityWarning)
SETTINGS = settings.from_environment()
app = make_app(SETTINGS, for_worker=True)
app.conf.broker_transport_options["queue_order_strategy"] = f"{ReaderOrder.__module__}.{ReaderOrder.__name__}"

#: Pause between two looks at the batches.
FEED_EVERY_S = 0.2
#: Pause between two looks for webhooks that are due.
WEBHOOKS_EVERY_S = 1.0

#: Pause between two looks for idle models.
KEEP_ALIVE_EVERY_S = 2.0

#: How a child ends that lost its card (sysexits.h: EX_IOERR).
LOST_DEVICE_STATUS = 74

#: What the history of a job says that lost its child.
CHILD_DIED = "the worker's child process died"

#: What this process owns: the child its runner, the main process its keeper.
_owned: dict[str, Any] = {}


@app.task(name=RUN_JOB, bind=True, Strategy=STRATEGY)
def run_job(self: Any, job_id: str) -> None:
    """Run the job with this id, if it is still to be run; then Celery sends the next ticket of its chain."""
    runner: Runner = _owned["runner"]
    try:
        following = runner.run(job_id)
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
        _owned["runner"] = child_start.start(SETTINGS, mine, app, CHILD_DIED)
    except Exception as exc:
        child_start.refuse(SETTINGS, mine, exc)


@signals.task_postrun.connect
def _recycle_child(**_: Any) -> None:
    """A child that lost its card, or cannot get its memory back, ends after the job, and the pool starts another.

    Its job is on record by now and the next of its chain sent. Celery takes the message for one whose worker was lost and
    sends it once more; that duplicate finds the job done.
    """
    if "runner" in _owned and _owned["runner"].has_lost_device:
        log.logger().error("child.ended", reason="it lost its card")
        # At once: what a library wants to tidy up on its way out would wait for a card that does not answer.
        os._exit(LOST_DEVICE_STATUS)
    if "runner" in _owned and _owned["runner"].has_leaked:
        log.logger().warning("child.recycled", reason="unloaded models left memory behind")
        raise SystemExit


@signals.worker_ready.connect
def _start_main(sender: Any, **_: Any) -> None:
    """The main process. Celery would catch what is raised here and go on, without leases and without recovery."""
    log.configure(json_lines=SETTINGS.log_json)
    try:
        threads = _threads(sender)
    except Exception as exc:
        log.logger().error("worker.cannot_work", exc_info=exc)
        raise SystemExit(1) from exc
    for thread in threads:
        thread.start()


def _threads(sender: Any) -> list[threading.Thread]:
    """All duties of the main process: leases, reports, recovery, housekeeping, and the order in which queues are read."""
    mine = slot.from_environment()
    # Leases are renewed three times a lease: one answer that never comes must not eat all three.
    client = connect(SETTINGS.required_redis_url(), min(SETTINGS.worker_redis_timeout_s, SETTINGS.lease_s / 3))
    store = JobStore(client, SETTINGS)
    registry = WorkerRegistry(client)
    dispatcher = Dispatcher(store, app)
    feeder = Feeder(store, dispatcher, registry, SETTINGS)
    webhooks = Webhooks(BatchStore(client, SETTINGS), SETTINGS)

    def children() -> list[int]:
        return [child.pid for child in children_of(sender.pool._pool)]

    def on_up() -> None:
        tell_ready()
        log.logger().info("worker.ready", worker=mine.name, gpu=mine.gpu, models=len(mine.models))
        registry.forget_trouble(mine.name)

    def on_failed_start(in_a_row: int) -> None:
        reason = registry.trouble(mine.name)
        if (reason or in_a_row >= FAILED_STARTS) and not _owned.get("is_leaving"):
            _owned["is_leaving"] = True
            log.logger().error("worker.cannot_work", worker=mine.name, reason=reason or "its child dies while starting")
            end_this_worker(STOP_MARGIN_S)

    recovery = Recovery(store, dispatcher, SETTINGS)
    child_watch = ChildWatch(
        lambda: children_of(sender.pool._pool),
        lambda: recovery.release_slot(mine.name, CHILD_DIED),
        on_up=on_up,
        on_failed_start=on_failed_start,
    )
    reader = Reader(
        mine.name,
        store,
        registry,
        Learned(client),
        max_wait_s=SETTINGS.max_wait_s,
        clock_s=time.monotonic,
        can_work=lambda: child_watch.is_up,
    )
    set_provider(reader)
    set_stale(stale_by(store))
    orders = OwnCommands(mine.name, store, dispatcher)
    manners = assembly.manners_of(SETTINGS, mine, children, orders, reader.limit)
    keeper = Keeper(
        settings=SETTINGS,
        slot=mine,
        store=store,
        registry=registry,
        recovery=recovery,
        gpu_lock=GpuLock(client, mine),
        children=children,
        facts=facts_reader(lambda: assembly.facts(mine), assembly.facts(mine)),
        on_pause=reader.pause,
        has_yielded=lambda: manners is not None and manners.has_yielded,
        can_work=lambda: child_watch.is_up,
        version=version("darkroom"),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        more_duties=[
            (CHILD_LOOK_EVERY_S, child_watch.look),
            (FEED_EVERY_S, feeder.feed),
            (WEBHOOKS_EVERY_S, webhooks.look),
            (KEEP_ALIVE_EVERY_S, KeepAlive(orders, SETTINGS.keep_alive_s).look),
            *([(LOOK_EVERY_S, manners.look)] if manners else []),
        ],
    )
    _owned["keeper"] = keeper
    return [
        keeper,
        FeedBell(client, lambda: keeper.hurry(feeder.feed)),
        Housekeeping(store, open_store(SETTINGS, client), SETTINGS.artifact_ttl_s),
    ]


@signals.worker_shutting_down.connect
def _drain_main(**_: Any) -> None:
    if "keeper" in _owned:
        _owned["keeper"].drain()


@signals.worker_shutdown.connect
def _stop_main(**_: Any) -> None:
    if "keeper" in _owned:
        _owned["keeper"].stop()
