"""Tickets that stand for no work any more are dropped where they arrive, in the main process.

Each job that was taken into another one's GPU batch leaves its ticket in the queue. Handed to the child, each costs a trip
there and back (3 ms) while the GPU waits; here it costs one look at one field. Only what is certain is dropped: with
Redis away, or a record that is queued, the child decides by its claim.

Celery asks for the way from message to pool by a dotted path (`Task.Strategy`), so the look is set once a process.
"""

from collections.abc import Callable
from typing import Any

from celery.worker.strategy import default

from shared.contracts.jobs import State
from shared.errors import RedisUnavailable
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.log import logger

#: Dotted path of `strategy`, for Celery.
STRATEGY = "workers.control.tickets:strategy"

#: Says whether a job's ticket stands for nothing; None: every ticket goes to the child.
_is_stale: Callable[[str], bool] | None = None


def set_stale(is_stale: Callable[[str], bool] | None) -> None:
    """Let this process drop the tickets of which `is_stale` is true."""
    global _is_stale
    _is_stale = is_stale


def stale_by(store: JobStore) -> Callable[[str], bool]:
    """A ticket is stale when its record is not queued: somebody has the job, or it has ended."""

    def is_stale(job_id: str) -> bool:
        try:
            state = store.fields_of([job_id], "state")[0][0]
        except RedisUnavailable:
            return False
        return text(state or b"") != State.QUEUED.value

    return is_stale


def strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Celery's own way from message to pool, behind the look."""
    hand_on = default(task, app, consumer, **options)
    errors = consumer.connection_errors

    def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        job_id = str(message.headers.get("id", ""))
        if _is_stale is not None and _is_stale(job_id):
            logger().info("message.dropped", job=job_id, reason="it is not queued")
            return ack(logger(), errors)
        return hand_on(message, body, ack, reject, callbacks, **more)

    return handle
