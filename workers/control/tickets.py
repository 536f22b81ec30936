"""Tickets that stand for no work any more are dropped where they arrive, in the main process.

A ticket is a permit: it says that its queue has a ready job, whichever that is by now. Each job that was taken into another
one's GPU batch leaves its ticket behind, so that there are more tickets than jobs. Handed to the child, each costs a trip
there and back (3 ms) while the GPU waits; here it costs one look. Only what is certain is dropped: with Redis away, a
queue with a ready job, or a ticket whose own record is queued there, the child decides by its claim.

Celery asks for the way from message to pool by a dotted path (`Task.Strategy`), so the look is set once a process.
"""

from collections.abc import Callable, Mapping
from typing import Any

from celery.worker.strategy import default

from shared.contracts.jobs import State
from shared.errors import RedisUnavailable
from shared.jobs.codec import text
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.broker import RUN_TICKET

#: Dotted path of `strategy`, for Celery.
STRATEGY = "workers.control.tickets:strategy"

#: Says of a job's ticket in a queue whether it stands for nothing.
IsStale = Callable[[str, str], bool]
#: None: every ticket goes to the child.
_is_stale: IsStale | None = None


def set_stale(is_stale: IsStale | None) -> None:
    """Let this process drop the tickets of which `is_stale` is true."""
    global _is_stale
    _is_stale = is_stale


def stale_by(store: JobStore, shares: Shares) -> IsStale:
    """A ticket is stale when its queue has no ready job, and its own record does not wait there either (it may have been
    queued before there were shares)."""

    def is_stale(job_id: str, queue: str) -> bool:
        try:
            if shares.has_ready(queue):
                return False
            state, waits_in = store.fields_of([job_id], "state", "queue")[0]
        except RedisUnavailable:
            return False
        is_queued = text(state or b"") == State.QUEUED.value
        return not (is_queued and text(waits_in or b"") == queue)

    return is_stale


def queue_of_ticket(delivery_info: Mapping[str, Any] | None) -> str:
    """Where a message came from; "" where nobody said."""
    return str((delivery_info or {}).get("routing_key") or "")


def strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Celery's own way from message to pool, behind the look."""
    hand_on = default(task, app, consumer, **options)
    errors = consumer.connection_errors

    def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        job_id = str(message.headers.get("id", ""))
        queue = queue_of_ticket(message.delivery_info)
        # A run's own message stands for no queued job, and is needed all the same.
        if not job_id.startswith(RUN_TICKET) and _is_stale is not None and _is_stale(job_id, queue):
            logger().info("message.dropped", job=job_id, reason=f"{queue} has no job that is ready")
            return ack(logger(), errors)
        return hand_on(message, body, ack, reject, callbacks, **more)

    return handle
