"""Turns the members of batches into jobs, a window at a time.

A batch is accepted whole and in milliseconds; its jobs are made as workers get through them. So a batch of ten thousand
costs the queues no more than one of thirty, and cancelling it is cheap.

A duty of every worker's main process, done by whichever holds the lock. The order it promises: a member's later steps are
stored first and its first step last, and only that makes the member active; then the tickets go out. Cut off anywhere,
the next feeder makes the same jobs with the same ids again, and recovery sends tickets that are missing.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from shared.accounts.limits import MET_BY_JOBS, Demand
from shared.accounts.present_limits import PresentLimits
from shared.batches.members import BatchMembers
from shared.batches.plan import chain_of
from shared.batches.store import BatchStore
from shared.contracts.batch_records import MemberState
from shared.contracts.jobs import JobRecord
from shared.errors import Gone, NotFound
from shared.jobs.chain_rules import picture_of
from shared.jobs.chains import Chains
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import TAKES_JOBS, WorkerRegistry
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings
from workers.batches.fair_share import Load, interleaved, turns, window_for
from workers.recovery.stalled_chains import StalledChains

#: How long the batches stand still when the worker that fed them dies.
LOCK_S = 5
#: Longest one look may take: its process has other duties.
BUDGET_S = 0.5
#: Members fed in one go.
SLICE = 64
#: How often the number of workers is read again.
COUNT_EVERY_S = 2.0

Chain = list[JobRecord]


class Feeder:
    """Feeds batches to the workers."""

    def __init__(
        self,
        store: JobStore,
        dispatcher: Dispatcher,
        registry: WorkerRegistry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._redis: Any = store.redis
        self._batches = BatchStore(store.redis, settings)
        self._members = BatchMembers(store)
        self._chains = Chains(store, settings)
        self._care = StalledChains(store, self._chains, dispatcher, registry, settings, clock)
        self._dispatcher = dispatcher
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._window = settings.batch_window
        self._count_after = float("-inf")
        self._limits = PresentLimits(store.redis, settings)
        #: Batch → what its record said at the last look.
        self._waits: dict[str, str] = {}

    def feed(self) -> None:
        """One look at all batches, if nobody else is looking. Raises `RedisUnavailable`; the next look tries again."""
        is_ours = self._take_lock()
        if not is_ours:
            return
        self._care.look()
        ends_at = self._clock() + BUDGET_S
        while self.feed_once() and self._clock() < ends_at:
            pass  # what was answered from earlier work has left the window already

    def feed_once(self) -> int:
        """Make the jobs whose turn it is; returns how many members got theirs."""
        wanted = turns(self._loads(), self._current_window())
        self._waits = {}
        chains = interleaved([self._next_chains(batch_id, min(n, SLICE)) for batch_id, n in wanted.items()])
        made = self._store_chains(chains)
        if made:
            self._dispatcher.send_chains(self._still_to_do(made))
            logger().info("batches.fed", members=len(made))
        return len(made)

    def _take_lock(self) -> bool:
        """Take the feeder's lock, or hold it for longer; False: another worker has it."""
        lock = keys.lock("feeder")
        with redis_errors():
            is_new = self._redis.set(lock, self._token, nx=True, ex=LOCK_S)
            if not is_new and self._redis.get(lock) != self._token.encode():
                return False
            self._redis.expire(lock, LOCK_S)
        return True

    def _loads(self) -> list[Load]:
        """Batches under way, oldest first."""
        with redis_errors():
            ids = [text(batch_id) for batch_id in self._redis.zrange(keys.LIVE_BATCHES, 0, -1)]
            pipe = self._redis.pipeline(transaction=False)
            for batch_id in ids:
                pipe.hmget(keys.batch(batch_id), "caller", "held")
                pipe.zcard(keys.batch_members_in(batch_id, MemberState.WAITING.value))
                pipe.zcard(keys.batch_members_in(batch_id, MemberState.ACTIVE.value))
            answers = pipe.execute()
        rows = zip(ids, answers[0::3], answers[1::3], answers[2::3], strict=True)
        return [
            Load(i, text(caller), 0 if held == b"true" else waiting, active)
            for i, (caller, held), waiting, active in rows
            if caller is not None
        ]

    def _current_window(self) -> int:
        if self._clock() >= self._count_after:
            self._count_after = self._clock() + COUNT_EVERY_S
            working = [worker for worker in self._registry.living() if worker.state in TAKES_JOBS]
            config = self._settings
            self._window = window_for(len(working), config.max_batch, config.batch_window, config.max_analysis_batch)
        return self._window

    # -- one batch ---------------------------------------------------------------------------------------------------

    def _next_chains(self, batch_id: str, count: int) -> list[Chain]:
        try:
            batch = self._batches.get(batch_id)
        except (NotFound, Gone):
            return []
        self._waits[batch_id] = batch.waits
        rows, _ = self._members.page(batch_id, MemberState.WAITING, count)
        done = self._members.done(batch, rows)
        chains = []
        for row in rows:
            before = done.get(row.index, [])
            picture = picture_of(before[-1]) if before else ""
            chains.append(chain_of(batch, row.index, row.member, round_=row.round, done=before, picture=picture))
        return chains

    def _store_chains(self, chains: Sequence[Chain]) -> list[Chain]:
        """Store chains, last step first; returns those that are under way now.

        A chain that meets a limit, or whose batch is over, is left: its member still waits, or was cancelled.
        """
        limits = self._limits.of({chain[0].caller for chain in chains})
        demands = {chain[-1].id: Demand(limits[chain[0].caller], chain) for chain in chains}
        answers = iter(self._store.create_many([job for chain in chains for job in reversed(chain)], demands))
        made, met = [], dict.fromkeys((chain[0].batch for chain in chains), "")
        for chain in chains:
            stored = [next(answers) for _ in chain]
            if stored[-1] == "created":
                made.append(chain)
            elif stored[0] in MET_BY_JOBS:
                met[chain[0].batch] = stored[0]
        self._tell_waits(met)
        return made

    def _tell_waits(self, met: dict[str, str]) -> None:
        """Batch → the limit for which its members wait; only what is news is written."""
        for batch_id, code in met.items():
            if self._waits.get(batch_id, "") != code:
                self._batches.note(batch_id, waits=code)

    def _still_to_do(self, chains: Sequence[Chain]) -> list[Chain]:
        """Answers first steps from earlier work where it can, and sees to what follows them; returns the other chains."""
        left = []
        for chain in chains:
            taken = self._chains.take_over(chain[0]) if chain[0].asked else None
            if taken is None:
                left.append(chain)
            else:
                self._go_on_after(taken)
        return left

    def _go_on_after(self, taken: JobRecord) -> None:
        following = self._chains.advance(taken)
        if following is not None:
            self._dispatcher.try_resend(following)
