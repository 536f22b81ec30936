"""What a worker's main process knows when it chooses the next queue: the queues, its models, the other workers.

It looks when it is asked, at most every `LOOK_EVERY_S`: an idle worker asks once a second, a busy one after each job.
When Redis does not answer, the last view goes on being used. The policy itself is `affinity.order`.

kombu asks for the order through `ReaderOrder`, which it makes for each channel by a dotted path; `set_provider` says whom
that asks.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Protocol

from shared.errors import RedisUnavailable
from shared.jobs.routing import split
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.measurements import JOB, LOAD, Measurements
from shared.rack.worker_registry import TAKES_JOBS, WorkerRegistry
from shared.redis import keys
from shared.redis.client import redis_errors
from workers.control.affinity import QueueState, View, order

LOOK_EVERY_S = 0.5
#: After a message was taken the view is old, but a run of dropped tickets must not pay for a look each.
LOOK_AFTER_MESSAGE_S = 0.1
#: Neglect is a matter of seconds: a queue that is served again and again is told of no more often.
TELL_EVERY_S = 0.5
#: Learned times change slowly.
LEARN_EVERY_S = 10.0
#: How long after a worker took a job its model may still be on the way to the GPU, and so in nobody's report.
LOADING_MS = 30_000
#: A queue that nobody writes to: what a worker listens to while it may take nothing. kombu asks again after a second;
#: given no queue at all it would sleep until some other timer fires.
NOTHING = "@nobody.low"


class Reads(Enum):
    """Which queues a worker reads."""

    ALL = "all"
    #: Its own: commands to it, and jobs that were sent to it by name.
    COMMANDS = "commands"
    NOTHING = "nothing"


class Reader:
    """The provider behind `ReaderOrder`; one per worker, used by its main process only."""

    def __init__(
        self,
        name: str,
        store: JobStore,
        registry: WorkerRegistry,
        learned: Measurements,
        *,
        max_wait_s: float,
        clock_s: Callable[[], float],
        can_work: Callable[[], bool] = lambda: True,
        filing: Collection[str] = (),
    ) -> None:
        """
        Args:
            name: of this worker, as its reports and its own queue have it.
            filing: models whose low work is filing, see `affinity`.
            can_work: whether there is a child to run a job: without one, nothing is taken.
            clock_s: a monotonic clock, for the pace of looking only.
        """
        self._name = name
        self._store = store
        self._shares = Shares(store, max_wait_s)
        self._redis = store.redis
        self._registry = registry
        self._learned = learned
        self._clock_s = clock_s
        self._can_work = can_work
        self._view = View(now_ms=0, max_wait_s=max_wait_s, queues={}, filing=filing)
        self._looked_at_s = self._learned_at_s = float("-inf")
        self._told_at_s: dict[str, float] = {}
        self._is_paused = False
        self._reads = Reads.ALL

    def pause(self, is_paused: bool) -> None:
        """While paused, a worker takes nothing."""
        self._is_paused = is_paused

    def limit(self, reads: Reads) -> None:
        """What it reads while it is not paused."""
        self._reads = reads

    def order(self, queues: Sequence[str]) -> list[str]:
        """See `Provider`."""
        if self._is_paused or self._reads is Reads.NOTHING or not self._can_work():
            return []
        if self._reads is Reads.COMMANDS:
            return [queue for queue in queues if split(queue)[0] == f"@{self._name}"]
        try:
            self._look(queues)
        except RedisUnavailable as exc:
            logger().warning("reader.looked_in_vain", reason=exc.message)
        return order(queues, self._view)

    def turn(self, queues: Sequence[str]) -> str:
        """The model whose queue would be read now, of those that have jobs; "": none of them."""
        return next((split(queue)[0] for queue in self.order(queues) if queue in self._view.queues), "")

    def served(self, queue: str) -> None:
        """See `Provider`. All workers hear of it: a queue that anyone serves is not neglected."""
        now_s = self._clock_s()
        # What is read next depends on what this job changes.
        self._looked_at_s = min(self._looked_at_s, now_s + LOOK_AFTER_MESSAGE_S - LOOK_EVERY_S)
        if now_s - self._told_at_s.get(queue, float("-inf")) < TELL_EVERY_S:
            return
        self._told_at_s[queue] = now_s
        try:
            self._registry.served(self._name, queue, self._store.now_ms())
        except RedisUnavailable as exc:
            logger().warning("reader.not_told", reason=exc.message)

    # -- looking -----------------------------------------------------------------------------------------------------

    def _look(self, queues: Sequence[str]) -> None:
        now_s = self._clock_s()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        now_ms, residents, taken = self._store.now_ms(), self._residents(), self._taken()
        is_new = not residents <= set(self._view.residents)
        found = self._shares.look(queues)
        self._view = replace(
            self._view,
            now_ms=now_ms,
            queues={name: QueueState(line.ready, line.since_ms, line.tag) for name, line in found.items()},
            residents=residents,
            switched_ms=now_ms if is_new else self._view.switched_ms,
            served_ms={queue: at_ms for queue, (at_ms, _) in taken.items()},
            elsewhere=self._elsewhere(taken),
        )
        if now_s - self._learned_at_s >= LEARN_EVERY_S:
            self._learned_at_s = now_s
            self._learn({split(queue)[0] for queue in queues})

    def _residents(self) -> set[str]:
        """What the child last said it holds."""
        with redis_errors():
            text: Any = self._redis.get(keys.resident(self._name))
        return {row["model"] for row in json.loads(text or "[]")}

    def _taken(self) -> dict[str, tuple[int, str]]:
        """Queue → when a job was last taken from it, and by whom."""
        with redis_errors():
            rows = self._redis.hgetall(keys.TAKEN)
        pairs = {queue.decode(): row.decode().split(" ", 1) for queue, row in rows.items()}
        return {queue: (int(at_ms), worker) for queue, (at_ms, worker) in pairs.items()}

    def _elsewhere(self, taken: Mapping[str, tuple[int, str]]) -> Counter[str]:
        """Model → other workers that hold it and take jobs, or that are just loading it for the job they took."""
        others = {w.name: w for w in self._registry.living() if w.name != self._name and w.state in TAKES_JOBS}
        held = Counter(resident.model for worker in others.values() for resident in worker.resident)
        since_ms = self._view.now_ms - LOADING_MS
        recent = [queue for queue, (at_ms, worker) in taken.items() if worker in others and at_ms > since_ms]
        loading = {split(queue)[0] for queue in recent}
        return held + Counter(model for model in loading if not held[model])

    def _learn(self, models: Iterable[str]) -> None:
        """Measured loads and jobs, of this worker if it has any, else of all."""
        loads = {model: self._learned.time_ms(model, LOAD, self._name) for model in models}
        jobs = {model: self._learned.time_ms(model, JOB, self._name) for model in models}
        self._view = replace(
            self._view,
            switch_s={model: ms / 1000 for model, ms in loads.items() if ms is not None},
            job_s={model: ms / 1000 for model, ms in jobs.items() if ms is not None},
        )


# -- the hook into kombu ---------------------------------------------------------------------------------------------


class Provider(Protocol):
    """Knows the present and asks the policy."""

    def order(self, queues: Sequence[str]) -> list[str]:
        """The queues to read, in order; must not raise."""
        ...

    def served(self, queue: str) -> None:
        """A job was taken from this queue."""
        ...


#: kombu makes a `ReaderOrder` for each channel itself, from a dotted path and without arguments, so there is no other
#: way to hand it what it needs. Set once, when a worker's main process starts; channels of other processes, and those
#: before the start, read in turns.
_provider: Provider | None = None


def set_provider(provider: Provider | None) -> None:
    """Let this process' channels read in the provider's order."""
    global _provider
    _provider = provider


class ReaderOrder:
    """kombu's `queue_order_strategy`: which queues the next BRPOP lists, and in which order."""

    def __init__(self, items: Sequence[str] | None = None) -> None:
        self._items = list(items or ())

    def update(self, items: Sequence[str]) -> None:
        """The channel's queues changed; those that stay keep their order."""
        wanted = list(items)
        kept = [queue for queue in self._items if queue in wanted]
        self._items = kept + [queue for queue in wanted if queue not in kept]

    def consume(self, n: int) -> list[str]:
        """The queues for the next read; `n` is how many the channel has."""
        if _provider is None or not self._items:
            return self._items[:n]
        return _provider.order(self._items)[:n] or [NOTHING]

    def rotate(self, last_used: str) -> str:
        """A message came from this queue."""
        if last_used in self._items:
            self._items.remove(last_used)
            self._items.append(last_used)
        if _provider is not None:
            _provider.served(last_used)
        return last_used
