"""Which queue a worker reads next: what it holds first, and nobody starves. Pure.

Reading a queue whose model is not loaded costs a switch (seconds); reading a loaded one costs nothing. So loaded models
come first, and among them the one whose people were given least (`shared.jobs.fair_share`), with these bounds:

1. A queue that no worker has served for longer than `max_wait_s` comes first, the most neglected one foremost, once the
   time since the last switch is worth it: `TURN` times the round trip to the other model and back, to all that has
   work here: one large model may send two away.
2. A higher priority comes first. If that means a switch, `JUMP` round trips must have passed since the last: a trickle
   of urgent jobs must not turn a GPU into a machine that only loads. Low priority rises one level each `PROMOTE` ×
   `max_wait_s` of neglect, so it waits, but not for ever. To interrupt loaded work by a level that it has risen to, it
   needs rule 1's round trips. But where a switch is due anyway, it goes to whoever has risen as high and waits longest.
3. A queue that would be worked off much faster (`WORTH` times the jobs per second, switch included) comes before what is
   loaded, if nobody holds its model and rule 1's round trips have passed: its backlog outweighs the switch.
   So does a queue whose people are owed more than a job and `OWED` × max_wait_s GPU-seconds beside the people of what is loaded,
   and as much again for each worker that is on its model already: shares hold over all models, and not all turn at once.
   A jump's round trip is enough there while other workers hold everything that is loaded here: nobody is left behind.
4. With nothing to do for loaded models, a worker takes the queue with the most work per worker that is on it already.
   But work that a worker which holds the model will have done before we could even load it is left to that worker,
   for no longer than the switch would take.

What nobody waits for goes behind all else: the low queue of a model that files what was made (`filing`) stands one level
below low, and rises as the others do. Without that a library that describes each new picture would end a run of pictures
again and again.

A worker's own queues ("@name") hold commands to it and steps of pictures it knows; nobody else may read them, so they
count as loaded and go first on their level.

Hence with n models the longest neglect of a queue is about 2 `PROMOTE` × `max_wait_s` (low priority; 3 for filing, none for
high) plus n − 1 turns, each of max(`max_wait_s`, `TURN` round trips) + a switch + a job; and switching takes at most a
ninth of a worker's time under rule 1, beside one load for each time that a queue ran empty and filled again (derived in
`tests/bench/test_simulate_rack.py`). `tests/bench/simulate_rack.py` chose the constants.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from shared.contracts.base import Priority
from shared.jobs.routing import PRIORITIES, PROMOTE, split

#: Round trips that must have passed since the last switch before a neglected model may interrupt.
TURN = 4.0
#: The same before a higher priority may.
JUMP = 1.0
#: How many times the throughput justifies a switch by itself.
WORTH = 4.0
#: Waits of `max_wait_s` that people are owed before that justifies a switch.
OWED = 0.25
#: Seconds, where nothing was measured yet: SDXL from an SSD, one SDXL picture.
DEFAULT_SWITCH_S = 8.0
DEFAULT_JOB_S = 6.0


@dataclass(frozen=True)
class QueueState:
    """One queue that has jobs."""

    depth: int
    #: Since when one of its people was not served by it, in ms of the store's clock: their first job's arrival at least.
    since_ms: int
    #: What the one who was given least has had, in GPU-seconds by weight.
    tag: float = 0.0


@dataclass(frozen=True)
class View:
    """All that the policy looks at. A queue without a state is empty."""

    now_ms: int
    max_wait_s: float
    queues: Mapping[str, QueueState]
    #: Models loaded here.
    residents: Collection[str] = ()
    #: When a model was last brought onto this GPU.
    switched_ms: int = 0
    #: Queue → when any worker last took a job from it.
    served_ms: Mapping[str, int] = field(default_factory=dict)
    #: Model → how many other living workers hold it.
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    #: Seconds to bring a model onto this GPU (from host memory or disk, as it lies now).
    switch_s: Mapping[str, float] = field(default_factory=dict)
    #: Seconds a job of a model takes here.
    job_s: Mapping[str, float] = field(default_factory=dict)
    #: Models whose low work is filing.
    filing: Collection[str] = ()

    def is_here(self, model: str) -> bool:
        return model.startswith("@") or model in self.residents

    def switch_of(self, model: str) -> float:
        return max(0.001, self.switch_s.get(model, DEFAULT_SWITCH_S))

    def job_of(self, model: str) -> float:
        return max(0.001, self.job_s.get(model, DEFAULT_JOB_S))

    def neglect_s(self, queue: str) -> float:
        """How long a queue's people have seen nobody serve it. An empty queue is not neglected."""
        state = self.queues.get(queue)
        if state is None:
            return 0.0
        return max(0.0, self.now_ms - max(state.since_ms, self.served_ms.get(queue, 0))) / 1000

    def age_s(self, queue: str) -> float:
        """How long one of a queue's people has waited for it."""
        state = self.queues.get(queue)
        return 0.0 if state is None else max(0.0, (self.now_ms - state.since_ms) / 1000)

    @property
    def has_worked_s(self) -> float:
        """Time since the last switch."""
        return (self.now_ms - self.switched_ms) / 1000


def order(queues: Sequence[str], view: View) -> list[str]:
    """The queues in the order in which to read them; those left to another worker are missing."""
    loaded = [queue for queue in queues if _is_loaded_work(queue, view)]
    now = _Loaded(
        floor=max((_level(queue, view) for queue in loaded), default=0),
        pace=max((1 / view.job_of(split(queue)[0]) for queue in loaded), default=0.0),
        tag=min((view.queues[queue].tag for queue in loaded), default=-inf),
        is_elsewhere=all(view.elsewhere.get(split(queue)[0]) for queue in loaded),
        return_s=sum(view.switch_of(model) for model in {split(queue)[0] for queue in loaded}),
    )
    wanted = [queue for queue in queues if not is_left_to_others(queue, view)]
    ranked = sorted(wanted, key=lambda queue: _rank(queue, view, now))
    return _with_nobody_passed_over(ranked, view)


def _with_nobody_passed_over(ranked: list[str], view: View) -> list[str]:
    """Where another model is to be loaded, the queue goes first that has risen as high as that one's and was neglected longest.
    Each switch begins rule 1's round trips anew, so whoever may not interrupt would wait for as long as others do."""
    first = next((queue for queue in ranked if queue in view.queues), None)
    if first is None or view.is_here(split(first)[0]):
        return ranked
    risen = [
        queue
        for queue in ranked
        if not view.is_here(split(queue)[0])
        and view.neglect_s(queue) > max(PROMOTE * view.max_wait_s, view.neglect_s(first))
        and _level(queue, view) <= _level(first, view)
    ]
    if risen:
        passed_over = max(risen, key=view.neglect_s)
        ranked.remove(passed_over)
        ranked.insert(ranked.index(first), passed_over)
    return ranked


def is_left_to_others(queue: str, view: View) -> bool:
    """Whether a worker that holds the model will have worked this queue off before we could load it."""
    model, _ = split(queue)
    state, holders = view.queues.get(queue), view.elsewhere.get(model, 0)
    if view.is_here(model) or not holders:
        return False
    if state is None:
        return True
    backlog_s = state.depth * view.job_of(model) / holders
    switch_s = view.switch_of(model)
    return backlog_s < switch_s and view.age_s(queue) < switch_s


@dataclass(frozen=True)
class _Loaded:
    """The work that waits for loaded models."""

    #: Its least urgent level.
    floor: int
    #: Its best pace, in jobs a second.
    pace: float
    #: The least that any of its people was given.
    tag: float
    #: Whether other workers hold all of its models too.
    is_elsewhere: bool
    #: What it costs to come back to all of it.
    return_s: float


def _rank(queue: str, view: View, loaded: _Loaded) -> tuple[float, ...]:
    """Smaller is sooner: level, class, and what decides inside the class."""
    model, _ = split(queue)
    is_here, level, age_s = view.is_here(model), _level(queue, view), view.age_s(queue)
    tag = view.queues[queue].tag if queue in view.queues else inf
    trips = view.has_worked_s / (view.switch_of(model) + loaded.return_s) if not is_here else inf
    if view.neglect_s(queue) > view.max_wait_s and trips >= TURN:
        return (level, 0, -view.neglect_s(queue))
    if is_here:
        return (level, 2, 0 if model.startswith("@") else 1, tag, -age_s)
    if trips >= TURN and _outweighs_the_switch(queue, view, loaded):
        return (level, 1, tag, -age_s)
    if trips >= (JUMP if loaded.is_elsewhere else TURN) and _owed_s(queue, view, loaded) > 0:
        return (level, 1, tag, -age_s)
    return (max(level, _interrupting_level(queue, trips, loaded)), 3, -_pull_s(queue, view))


def _interrupting_level(queue: str, trips: float, loaded: _Loaded) -> int:
    """The most urgent level on which a queue that is not loaded may come before loaded work: any after a whole turn,
    the one its callers asked for after a jump's round trips, before that none."""
    if trips >= TURN:
        return 0
    return min(PRIORITIES.index(split(queue)[1]), loaded.floor) if trips >= JUMP else loaded.floor


def _level(queue: str, view: View) -> int:
    """0 is the most urgent; neglect raises a queue."""
    model, priority = split(queue)
    own = PRIORITIES.index(priority) + (priority == Priority.LOW and model in view.filing)
    promoted = int(view.neglect_s(queue) / (PROMOTE * view.max_wait_s))
    return max(0, own - promoted)


def _is_loaded_work(queue: str, view: View) -> bool:
    return queue in view.queues and split(queue)[0] in view.residents


def _outweighs_the_switch(queue: str, view: View, loaded: _Loaded) -> bool:
    """Whether its whole backlog, switch included, goes at many times the pace of what is loaded."""
    state, model = view.queues.get(queue), split(queue)[0]
    if state is None or not loaded.pace or view.elsewhere.get(model):
        return False
    pace = state.depth / (view.switch_of(model) + state.depth * view.job_of(model))
    return pace > WORTH * loaded.pace


def _owed_s(queue: str, view: View, loaded: _Loaded) -> float:
    """GPU-seconds by weight that its people are owed beyond what a switch needs; one job more or less is no debt."""
    state, model = view.queues.get(queue), split(queue)[0]
    if state is None:
        return -inf
    needed_s = OWED * view.max_wait_s * (1 + view.elsewhere.get(model, 0)) + view.job_of(model)
    return loaded.tag - state.tag - needed_s


def _pull_s(queue: str, view: View) -> float:
    """Seconds of work waiting per worker that would be on it: workers spread over the models by themselves."""
    state, model = view.queues.get(queue), split(queue)[0]
    return 0.0 if state is None else state.depth * view.job_of(model) / (1 + view.elsewhere.get(model, 0))
