"""What waits in the queues, looked at while passes are made (`ahead`), and when a run should take no more of it.

A run of one model takes jobs of that model as long as it has seats: whoever is next, if that is of the size it is at; else
those that are made as one that runs is (`peers`), for a while; and where nobody is at work any more, whoever is next of
any size. It takes nobody while its worker is to take nobody, once memory of the GPU is lost to this process, or once it is
another model's turn, by the reader's own policy (`workers.control.turns`): then it runs out, its ticket goes back, and the
worker's reader decides.

Each look asks of those under way, too, whom nobody wants any more: a cancel is to be heard within a step.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.jobs import JobRecord
from shared.errors import RedisUnavailable
from shared.jobs.news import News
from shared.jobs.routing import PRIORITIES, own_queue_of, queue_of
from shared.log import logger
from shared.rack.worker_registry import WorkerRegistry
from workers.execution.claiming import Claiming, anybody
from workers.execution.progress import Claim
from workers.execution.runtime import Runtime

#: Between two looks. An urgent job waits for one; what Python does for one, a millisecond, the pass waits for.
LOOK_EVERY_S = 0.05
#: After a look in vain: Redis is away, or something broke.
PAUSE_S = 1.0
#: A queue that is served again and again is told of no more often.
TELL_EVERY_S = 0.5


@dataclass(frozen=True)
class Waiting:
    """What waits in this worker's queues."""

    #: Levels (0: the most urgent) at which this model has ready jobs.
    levels: tuple[int, ...] = ()
    #: Levels at which this worker's own queue has ready jobs: commands, and steps of chains whose picture it knows.
    own: tuple[int, ...] = ()
    #: Whether a command to this worker waits.
    has_command: bool = False
    #: The most urgent level at which this worker has work that needs no load: in its own queue, or for another model that is
    #: loaded here; None: there is none.
    elsewhere: int | None = None
    #: Whether another model's turn has come.
    is_turn_over: bool = False
    #: Whether the worker is to take nobody more: it drains, was paused, or leaves its GPU to others.
    is_leaving: bool = False
    #: Jobs under way that were cancelled, are overdue or somebody else's now.
    unwanted: frozenset[str] = frozenset()

    @property
    def wants_seats(self) -> bool:
        """Whether somebody waits who may be one for this run."""
        return bool(self.levels or self.own)


class Arrivals:
    """Looks at the queues for one run."""

    def __init__(
        self,
        runtime: Runtime,
        claiming: Claiming,
        model: str,
        held: Callable[[], Mapping[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            held: jobs under way → the tokens that they are held with.
        """
        self._runtime = runtime
        self._claiming = claiming
        self._model = model
        self._held = held
        self._clock = clock
        self._pauses_until_s = float("-inf")
        self._waiting = Waiting()
        self._news = News(runtime.store.redis, runtime.slot.name)
        self._registry = WorkerRegistry(runtime.store.redis)
        self._told_at_s: dict[str, float] = {}

    def turn_begins(self) -> None:
        """The reader has just chosen this model: whose turn it was before is over."""
        try:
            self._registry.tell_turn(self._runtime.slot.name, "")
        except RedisUnavailable as exc:
            logger().warning("run.looked_in_vain", reason=exc.message)

    def look(self) -> Waiting:
        """What waits now. Nothing new is known while Redis is away."""
        now_s = self._clock()
        if now_s < self._pauses_until_s:
            return self._waiting
        try:
            self._waiting = self._asked()
        except RedisUnavailable as exc:
            self._pauses_until_s = now_s + PAUSE_S
            logger().warning("run.looked_in_vain", reason=exc.message)
            self._waiting = Waiting(is_leaving=self._waiting.is_leaving)
        return self._waiting

    @property
    def may_go_on(self) -> bool:
        """Whether this run may take more jobs."""
        has_leaked = self._runtime.residency.leaked_mib > 0  # a new process is wanted, once this run is over
        return not (self._waiting.is_leaving or self._waiting.is_turn_over or has_leaked)

    def next_one(self, level: int, is_wanted: Callable[[JobRecord], bool] = anybody) -> Claim | None:
        """The job of this model and level whose turn it is; None: there is none, or it is not wanted."""
        queue = queue_of(self._model, PRIORITIES[level])
        claim = self._claiming.next_of(queue, is_wanted)
        if claim is not None:
            self._tell_served(queue)
        return claim

    def next_of_own(self, level: int, is_wanted: Callable[[JobRecord], bool]) -> Claim | None:
        """The next job of a level in this worker's own queue; None: there is none, or it is not wanted."""
        return self._claiming.next_of(own_queue_of(self._runtime.slot.name, PRIORITIES[level]), is_wanted)

    def peers(
        self, first: JobRecord, level: int, room: int, is_wanted: Callable[[JobRecord], bool] = anybody
    ) -> list[Claim]:
        """Jobs of a level that are made as one that runs is."""
        queue = queue_of(self._model, PRIORITIES[level])
        return self._claiming.peers_of(first, room, lambda job: job.queue == queue and is_wanted(job))

    def _asked(self) -> Waiting:
        slot, resident = self._runtime.slot, {r.model for r in self._runtime.residency.residents()}
        mine = [queue_of(self._model, priority) for priority in PRIORITIES]
        own = [own_queue_of(slot.name, priority) for priority in PRIORITIES]
        other = {m: [queue_of(m, p) for p in PRIORITIES] for m in slot.models if m != self._model}
        queues = [*mine, *own, *(queue for queues in other.values() for queue in queues)]
        heard = self._news.ask(queues, self._held())
        ready, others = heard.ready, other | {f"@{slot.name}": own}
        here = [own, *(queues for model, queues in other.items() if model in resident)]
        return Waiting(
            levels=_levels(mine, ready),
            own=_levels(own, ready),
            # Commands are sent at the highest priority; steps of pictures it knows come on any.
            has_command=own[0] in ready,
            elsewhere=min((level for queues in here for level in _levels(queues, ready)), default=None),
            is_turn_over=bool(_levels(others.get(heard.turn, ()), ready)),
            is_leaving=heard.takes_nobody,
            unwanted=heard.unwanted,
        )

    def _tell_served(self, queue: str) -> None:
        """All workers hear of it: to them this queue is not neglected, though nobody reads tickets from it."""
        now_s = self._clock()
        if now_s - self._told_at_s.get(queue, float("-inf")) < TELL_EVERY_S:
            return
        self._told_at_s[queue] = now_s
        try:
            self._registry.served(self._runtime.slot.name, queue, self._runtime.store.now_ms())
        except RedisUnavailable as exc:
            logger().warning("reader.not_told", reason=exc.message)


def _levels(queues: Sequence[str], ready: frozenset[str]) -> tuple[int, ...]:
    return tuple(level for level, queue in enumerate(queues) if queue in ready)
