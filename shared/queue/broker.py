"""The Celery app and its settings. A message carries a job's id and nothing else; the record is the truth.

Every value was measured with celery 5.7 on its Redis transport: late acks with a rejection when a child dies, one
message at a time, no results, a long visibility timeout (leases recover faster), and no cancelling of long jobs when
the connection drops (that loses them).
"""

from collections.abc import Sequence
from typing import Any

import celery
import kombu
from celery import Celery
from celery.utils.nodenames import host_format

from shared.errors import InvalidRequest
from shared.settings import Settings

#: The one task that runs jobs: generation, analysis, and commands to a worker.
RUN_JOB = "darkroom.run_job"
#: Begins the ids of messages that let a run of steps go on; no job's id does.
RUN_TICKET = "run_"
#: Longest a stopping worker may take beside `drain_s`: unloading, last reports.
STOP_MARGIN_S = 5.0


def make_app(settings: Settings, *, for_worker: bool) -> Celery:
    """The Celery app, for the API (short waits, publishing only) or for a worker.

    Raises:
        InvalidRequest: celery or kombu is older than what this was built and measured with.
    """
    _require_versions()
    timeout_s = settings.worker_redis_timeout_s if for_worker else settings.redis_timeout_s
    app = Celery("darkroom", broker=settings.required_redis_url(), set_as_current=for_worker)
    app.conf.update(
        # What counts as done, and what happens when a child dies.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_retry_on_worker_lost=False,
        task_acks_on_failure_or_timeout=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # One job at a time in one spawned child, which alone touches the GPU.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=False,
        worker_concurrency=1,
        worker_pool="prefork",
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=60.0,
        worker_soft_shutdown_timeout=settings.drain_s,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=True,
        # The record is the result.
        task_ignore_result=True,
        result_backend=None,
        task_publish_retry=False,
        # Only JSON, only ours.
        task_serializer="json",
        accept_content=["json"],
        # A restarted Redis is waited for, for ever.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_transport_options=_transport(settings, timeout_s),
        broker_pool_limit=4,
        timezone="UTC",
    )
    return app


def publish(app: Celery, job_id: str, queue: str, *, chain: list[Any] | None = None) -> None:
    """Send the ticket of one job. Raises what kombu raises; `dispatch` knows what to do."""
    app.send_task(
        RUN_JOB, args=[job_id], task_id=job_id, queue=queue, ignore_result=True, retry=False, chain=chain or None
    )


def publish_chains(app: Celery, chains: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Send tickets of many chains in few round trips: what `group(chain(…), chain(…), …)` sends, at a third of its cost.

    Args:
        chains: each the id of its group, for whoever watches Celery, and the ids and queues of its jobs, first step
            first. The ticket of the first carries those of the others; Celery sends each when the one before is done.
    """
    with app.producer_pool.acquire(block=True) as producer, producer.batch(max_size=500):
        for group, ((first_id, queue), *later) in chains:
            app.send_task(
                RUN_JOB,
                args=[first_id],
                task_id=first_id,
                queue=queue,
                ignore_result=True,
                retry=False,
                producer=producer,
                group_id=group,
                chain=[_signature(app, *step) for step in reversed(later)] or None,
            )


def _signature(app: Celery, job_id: str, queue: str) -> Any:
    options = {"task_id": job_id, "queue": queue, "ignore_result": True, "retry": False}
    return app.signature(RUN_JOB, args=[job_id], options=options, immutable=True)


def node_name(worker: str, started_at_s: int) -> str:
    """A Celery node name that no other process, and no earlier life of this one, has."""
    return host_format(f"{worker}-{started_at_s}@darkroom")


def _transport(settings: Settings, timeout_s: float) -> dict[str, Any]:
    return {
        "visibility_timeout": settings.visibility_timeout_s,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(2.0, timeout_s),
        "sep": ":",
        # Priorities are queues of their own (see routing), so kombu's four lists a queue would be three too many.
        "priority_steps": [0],
        "queue_order_strategy": "round_robin",
    }


def _require_versions() -> None:
    for module in (celery, kombu):
        if tuple(int(part) for part in module.__version__.split(".")[:2]) < (5, 7):
            raise InvalidRequest(
                f"{module.__name__} {module.__version__} is too old: 5.7 or newer is needed (spawned pools, batch publishing)"
            )
