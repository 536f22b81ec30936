"""What a simulated rack is made of: models, GPUs, jobs."""

from dataclasses import dataclass

from shared.contracts.base import Priority
from shared.jobs.routing import queue_of


@dataclass(frozen=True)
class Model:
    name: str
    weights_mib: int
    working_mib: int
    job_s: float
    load_s: float
    #: From host RAM.
    copy_s: float


@dataclass(frozen=True)
class Gpu:
    name: str
    budget_mib: int
    #: Jobs run this much faster than `Model.job_s`.
    speed: float = 1.0
    host_cache_mib: int = 8192


@dataclass
class Job:
    queue: str
    arrival_s: float
    #: Of `Model.job_s`: more steps, more pixels.
    effort: float = 1.0
    person: str = "anna"
    weight: float = 1.0
    #: When a worker took it; the model may have to be loaded first.
    taken_s: float = -1.0
    started_s: float = -1.0
    ended_s: float = -1.0
    gpu: str = ""
    #: GPUs that held its model when it came.
    holders: frozenset[str] = frozenset()

    @property
    def wait_s(self) -> float:
        """Until the work began, loading included."""
        return self.started_s - self.arrival_s


def job(model: str, arrival_s: float, priority: Priority = Priority.NORMAL, effort: float = 1.0) -> Job:
    return Job(queue_of(model, priority), arrival_s, effort)
