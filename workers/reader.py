"""What a worker's main process knows when it chooses the next queue: the queues, its models, the other workers.

It looks when it is asked, at most every `LOOK_EVERY_S`: an idle worker asks once a second, a busy one after each job.
When Redis does not answer, the last view goes on being used. The policy itself is `affinity.order`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from shared import keys
from shared.errors import RedisUnavailable
from shared.job_store import JobStore
from shared.learned import JOB, LOAD, Learned
from shared.log import logger
from shared.redis_client import redis_errors
from shared.routing import split
from shared.worker_registry import WorkerRegistry
from workers.affinity import QueueState, View, order

LOOK_EVERY_S = 0.5
#: Learned times change slowly.
LEARN_EVERY_S = 10.0


class Reader:
    """The provider behind `affinity.ReaderOrder`; one per worker, used by its main process only."""

    def __init__(
        self,
        name: str,
        store: JobStore,
        registry: WorkerRegistry,
        learned: Learned,
        *,
        max_wait_s: float,
        clock_s: Callable[[], float],
    ) -> None:
        """
        Args:
            name: of this worker, as its reports and its own queue have it.
            clock_s: a monotonic clock, for the pace of looking only.
        """
        self._name = name
        self._store = store
        self._registry = registry
        self._learned = learned
        self._clock_s = clock_s
        self._view = View(now_ms=0, max_wait_s=max_wait_s, queues={})
        self._served_ms: dict[str, int] = {}
        self._looked_at_s = self._learned_at_s = float("-inf")
        self._is_paused = False

    def pause(self, is_paused: bool) -> None:
        """While paused, a worker takes nothing."""
        self._is_paused = is_paused

    def order(self, queues: Sequence[str]) -> list[str]:
        """See `affinity.Provider`."""
        if self._is_paused:
            return []
        try:
            self._look(queues)
        except RedisUnavailable as exc:
            logger().warning("reader.looked_in_vain", reason=exc.message)
        return order(queues, self._view)

    def served(self, queue: str) -> None:
        """See `affinity.Provider`."""
        self._served_ms[queue] = self._view.now_ms
        self._looked_at_s = float("-inf")  # what is read next depends on what this job changes

    # -- looking -----------------------------------------------------------------------------------------------------

    def _look(self, queues: Sequence[str]) -> None:
        now_s = self._clock_s()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        now_ms, residents = self._store.now_ms(), self._residents()
        is_new = not residents <= set(self._view.residents)
        found = self._store.oldest_orders(queues)
        self._view = replace(
            self._view,
            now_ms=now_ms,
            queues={name: QueueState(depth, oldest_ms) for name, (depth, oldest_ms) in found.items()},
            residents=residents,
            switched_ms=now_ms if is_new else self._view.switched_ms,
            served_ms=dict(self._served_ms),
            elsewhere=self._elsewhere(),
        )
        if now_s - self._learned_at_s >= LEARN_EVERY_S:
            self._learned_at_s = now_s
            self._learn({split(queue)[0] for queue in queues})

    def _residents(self) -> set[str]:
        """What the child last said it holds."""
        with redis_errors():
            text: Any = self._store.redis.get(keys.resident(self._name))
        return {row["model"] for row in json.loads(text or "[]")}

    def _elsewhere(self) -> Counter[str]:
        """Model → other workers that hold it and take jobs."""
        others = [w for w in self._registry.living() if w.name != self._name and w.state in ("ready", "busy")]
        return Counter(resident.model for worker in others for resident in worker.resident)

    def _learn(self, models: Iterable[str]) -> None:
        """Measured loads and jobs, of this worker if it has any, else of all."""
        loads = {model: self._learned.time_ms(model, LOAD, self._name) for model in models}
        jobs = {model: self._learned.time_ms(model, JOB, self._name) for model in models}
        self._view = replace(
            self._view,
            switch_s={model: ms / 1000 for model, ms in loads.items() if ms is not None},
            job_s={model: ms / 1000 for model, ms in jobs.items() if ms is not None},
        )
