"""Tells a child that is busy with one model's run whose turn it is by now.

A run takes jobs of its model by itself, and while it does so nobody asks the reader. So the reader's policy (`affinity`) is
asked here, twice a second while the worker has jobs: where the queue that it would read is another model's, the run takes
nobody more, comes to its end, and the reader reads.

The limit we know of: who is under way is not interrupted, so the other model waits for as long as the longest of them takes.
"""

from collections.abc import Callable, Sequence

from shared.rack.worker_registry import WorkerRegistry
from workers.control.queue_order import Reader

LOOK_EVERY_S = 0.5


class Turns:
    """The turns of one worker."""

    def __init__(
        self,
        name: str,
        registry: WorkerRegistry,
        reader: Reader,
        *,
        queues: Sequence[str],
        has_jobs: Callable[[], bool],
    ) -> None:
        """
        Args:
            name: of the worker.
            queues: those that it reads.
            has_jobs: whether it runs any now.
        """
        self._name = name
        self._registry = registry
        self._reader = reader
        self._queues = queues
        self._has_jobs = has_jobs
        self._told = ""

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises `RedisUnavailable`."""
        model = self._reader.turn(self._queues) if self._has_jobs() else ""
        if model or self._told:
            self._registry.tell_turn(self._name, model)
        self._told = model
