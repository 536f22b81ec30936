"""How a chain goes on after one of its jobs: by Celery where it can, else by a ticket of ours. Pure.

The ticket of a chain's first job carries those of the later ones, and Celery sends the next when the task returns. It
cannot where the job at hand came without them: as a peer in another one's GPU batch, or by a fresh ticket after a crash.
"""

from collections.abc import Callable
from typing import Any

from shared.contracts.jobs import JobRecord


def carry_on(
    chain: list[dict[str, Any]] | None, following: JobRecord | None, send: Callable[[JobRecord], None]
) -> bool:
    """See to the ticket of the job that follows.

    Args:
        chain: the tickets Celery still has for this chain, the next one last; it is sent to the queue of `following`,
            which was chosen when that was released.
        following: the job that is queued now; None where the chain stops here.

    Returns whether the task may return as usual: else Celery would send a ticket for a job that does not run now.
    """
    ticket = chain[-1] if chain else None
    if ticket is not None and following is not None and ticket["options"].get("task_id") == following.id:
        ticket["options"]["queue"] = following.queue
        return True
    if following is not None:
        send(following)
    return ticket is None
