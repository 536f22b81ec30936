"""Replaces the order in which workers read their queues, for comparisons only: `RACK_ORDER=fifo` or `round_robin`.

Python imports this at the start of every process that has the folder in its PYTHONPATH; the shipped code has no such switch.
"""

import os
from collections.abc import Sequence

from workers.control import affinity


def fifo(queues: Sequence[str], view: affinity.View) -> list[str]:
    """The queue with the oldest job first."""
    return sorted(queues, key=lambda queue: (queue not in view.queues, -view.age_s(queue)))


def round_robin(queues: Sequence[str], view: affinity.View) -> list[str]:
    """In turns: whoever was read last goes to the end by itself."""
    return list(queues)


if wanted := {"fifo": fifo, "round_robin": round_robin}.get(os.environ.get("RACK_ORDER", "")):
    affinity.order = wanted
