"""A rack in discrete events: the real policy and the real residency, with seconds and MiB that are only numbers.

What is kept of the real thing: a worker listens to a list of queues for at most a second (BRPOP), the longest-listening
worker gets a new job, reports of other workers are up to two seconds old, loading takes time by card, an evicted model
comes back from host RAM faster than from disk. What is left out: GPU batches, failures, other programs.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from shared.jobs.routing import queues_of, split
from shared.models.catalogue import ModelCard, Source, Vram
from tests.bench.sim_jobs import Gpu, Job, Model, job
from tests.bench.turns import FirstCome, Turns
from workers.control.affinity import QueueState, View, order
from workers.control.queue_order import LOADING_MS
from workers.memory.residency import Residency

__all__ = ["POLICIES", "Gpu", "Job", "Model", "Outcome", "Rack", "job"]

LISTEN_S = 1.0
REPORT_EVERY_S = 2.0


#: Given the queues and what a worker sees: the queues to read, in order.
Policy = Callable[[Sequence[str], View], list[str]]


def first_come(queues: Sequence[str], view: View) -> list[str]:
    """The oldest job of all, whatever is loaded."""
    return sorted(queues, key=lambda q: view.queues[q].since_ms if q in view.queues else view.now_ms)


def resident_only(queues: Sequence[str], view: View) -> list[str]:
    """What is loaded, for as long as there is any; then the oldest."""
    by_age = first_come(queues, view)
    return sorted(by_age, key=lambda q: not (q in view.queues and view.is_here(split(q)[0])))


POLICIES: dict[str, Policy] = {"fifo": first_come, "resident only": resident_only, "darkroom": order}


class SimulatedEngine:
    """Takes numbers, notes how it came onto the card."""

    def __init__(self, card: ModelCard, arrivals: Counter[str]) -> None:
        self.card = card
        self._arrivals = arrivals
        self._has_copy = False
        arrivals["disk"] += 1

    def held_mib(self) -> int:
        return self.card.vram.weights_mib

    def close(self) -> None:
        return None

    def to_host(self) -> None:
        self._has_copy = True

    def to_device(self) -> None:
        self._arrivals["host"] += 1

    def host_mib(self) -> int:
        return self.held_mib() if self._has_copy else 0

    def forget_host(self) -> None:
        self._has_copy = False


@dataclass
class Worker:
    gpu: Gpu
    queues: list[str]
    residency: Residency
    arrivals: Counter[str]
    listens_to: list[str] | None = None
    listening: int = 0
    switched_s: float = 0.0
    reported: frozenset[str] = frozenset()

    @property
    def residents(self) -> frozenset[str]:
        return frozenset(resident.model for resident in self.residency.residents())


@dataclass
class Outcome:
    """What one run gave."""

    jobs: list[Job]
    switches: int = 0
    from_host: int = 0
    busy_s: float = 0.0
    switching_s: float = 0.0
    by_model: dict[str, list[float]] = field(default_factory=dict)

    @property
    def makespan_s(self) -> float:
        return max(job.ended_s for job in self.jobs) - min(job.arrival_s for job in self.jobs)

    def wait_s(self, share: float) -> float:
        """The wait that this share of the jobs did not exceed."""
        waits = sorted(job.wait_s for job in self.jobs)
        return waits[min(len(waits) - 1, int(share * len(waits)))]

    @property
    def longest_wait_s(self) -> float:
        return max(job.wait_s for job in self.jobs)


class Rack:
    """All workers and queues; `run` once."""

    def __init__(
        self,
        models: Sequence[Model],
        gpus: Sequence[Gpu],
        policy: Policy,
        *,
        max_wait_s: float = 30.0,
        turns: Turns | None = None,
    ) -> None:
        self._models = {model.name: model for model in models}
        self._policy = policy
        self._max_wait_s = max_wait_s
        self._now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = count()
        self._turns = turns or FirstCome()
        #: Queue → person → their jobs.
        self._waiting: dict[str, dict[str, deque[Job]]] = {}
        self._ready: Counter[str] = Counter()
        self._taken: dict[str, tuple[float, str]] = {}
        self._idle: list[Worker] = []
        self._left = 0
        self._workers = [self._worker(gpu) for gpu in gpus]

    def run(self, jobs: Sequence[Job]) -> Outcome:
        """Serve all jobs; they are changed in place."""
        outcome = self._outcome = Outcome(list(jobs))
        self._left = len(jobs)
        for one in jobs:
            self._at(one.arrival_s, lambda one=one: self._arrive(one))  # type: ignore[misc]
        for worker in self._workers:
            self._at(0.0, lambda worker=worker: self._listen(worker))  # type: ignore[misc]
        self._at(0.0, self._report)
        while self._left:
            self._now_s, _, act = heapq.heappop(self._events)
            act()
        outcome.switches = sum(sum(worker.arrivals.values()) for worker in self._workers)
        outcome.from_host = sum(worker.arrivals["host"] for worker in self._workers)
        return outcome

    # -- events ------------------------------------------------------------------------------------------------------

    def _arrive(self, one: Job) -> None:
        one.holders = frozenset(w.gpu.name for w in self._workers if split(one.queue)[0] in w.residents)
        self._waiting.setdefault(one.queue, {}).setdefault(one.person, deque()).append(one)
        self._ready[one.person] += 1
        if self._ready[one.person] == 1:
            self._turns.came(one.person)
        for worker in self._idle:
            if one.queue in (worker.listens_to or ()):
                self._take(worker, one.queue)
                return

    def _listen(self, worker: Worker) -> None:
        """What a worker does when it is free, and again each second while nothing comes."""
        if worker in self._idle:
            self._idle.remove(worker)
        wanted = self._policy(worker.queues, self._view(worker))
        for queue in wanted:
            if self._waiting.get(queue):
                self._take(worker, queue)
                return
        worker.listens_to = wanted
        worker.listening += 1
        self._idle.append(worker)
        turn = worker.listening
        self._at(self._now_s + LISTEN_S, lambda: self._listen(worker) if worker.listening == turn else None)

    def _take(self, worker: Worker, queue: str) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        worker.listening += 1
        one = self._next(queue)
        one.taken_s, one.gpu = self._now_s, worker.gpu.name
        self._taken[queue] = (self._now_s, worker.gpu.name)
        switch_s = self._bring(worker, self._models[split(queue)[0]])
        if switch_s:
            worker.switched_s = self._now_s + switch_s
        one.started_s = self._now_s + switch_s
        took_s = self._models[split(queue)[0]].job_s * one.effort / worker.gpu.speed
        one.ended_s = one.started_s + took_s
        self._outcome.busy_s += took_s
        self._outcome.switching_s += switch_s
        self._left -= 1
        # As one estimates who does not know which card it will be.
        cost_s = self._models[split(queue)[0]].job_s * one.effort
        self._turns.started(queue, one, self._now_s, cost_s)
        self._rest(one.person)
        self._at(one.ended_s, lambda: self._turns.ended(one, cost_s, took_s))
        self._at(one.ended_s, lambda: self._listen(worker))

    def _next(self, queue: str) -> Job:
        waiting = self._waiting[queue]
        person = self._turns.next_person(queue, waiting, self._now_s)
        one = waiting[person].popleft()
        if not waiting[person]:
            del waiting[person]
        if not waiting:
            del self._waiting[queue]
        return one

    def _rest(self, person: str) -> None:
        self._ready[person] -= 1
        if not self._ready[person]:
            self._turns.rested(person)

    def _report(self) -> None:
        for worker in self._workers:
            worker.reported = worker.residents
        self._at(self._now_s + REPORT_EVERY_S, self._report)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _at(self, time_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._sequence), act))

    def _worker(self, gpu: Gpu) -> Worker:
        arrivals: Counter[str] = Counter()
        fitting = [m.name for m in self._models.values() if m.weights_mib + m.working_mib <= gpu.budget_mib]
        residency = Residency(
            lambda card: SimulatedEngine(card, arrivals),
            gpu.budget_mib,
            host_cache_mib=gpu.host_cache_mib,
            clock_s=lambda: self._now_s,
        )
        return Worker(gpu, queues_of(fitting, gpu.name), residency, arrivals)

    def _bring(self, worker: Worker, model: Model) -> float:
        """Seconds until the model is on the card."""
        before = dict(worker.arrivals)
        with worker.residency.using(_card(model), model.weights_mib + model.working_mib):
            pass
        if worker.arrivals["disk"] > before.get("disk", 0):
            return model.load_s
        return model.copy_s if worker.arrivals["host"] > before.get("host", 0) else 0.0

    def _line(self, queue: str) -> QueueState:
        since_s, tag = self._turns.line(queue, self._waiting[queue])
        return QueueState(sum(map(len, self._waiting[queue].values())), round(1000 * since_s), tag)

    def _view(self, worker: Worker) -> View:
        in_host = worker.residency.in_host()
        elsewhere = Counter(name for other in self._workers if other is not worker for name in other.reported)
        for queue, (at_s, taker) in self._taken.items():
            is_recent = taker != worker.gpu.name and self._now_s - at_s < LOADING_MS / 1000
            if is_recent and not elsewhere[split(queue)[0]]:
                elsewhere[split(queue)[0]] = 1
        return View(
            now_ms=round(1000 * self._now_s),
            max_wait_s=self._max_wait_s,
            queues={queue: self._line(queue) for queue in self._waiting},
            residents=worker.residents,
            switched_ms=round(1000 * worker.switched_s),
            served_ms={queue: round(1000 * at_s) for queue, (at_s, _) in self._taken.items()},
            elsewhere=elsewhere,
            switch_s={m.name: m.copy_s if m.name in in_host else m.load_s for m in self._models.values()},
            job_s={m.name: m.job_s / worker.gpu.speed for m in self._models.values()},
        )


def _card(model: Model) -> ModelCard:
    return ModelCard(
        id=model.name,
        kind="analyze",
        engine="simulated",
        title=model.name,
        summary="",
        licence="MIT",
        source=Source(path=model.name),
        vram=Vram(weights_mib=model.weights_mib, peak_mib=model.weights_mib + model.working_mib),
    )
