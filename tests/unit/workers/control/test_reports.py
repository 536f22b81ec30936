"""What a worker says of itself."""

import json
from dataclasses import dataclass, field

import fakeredis
import pytest

from shared.errors import RedisUnavailable
from shared.jobs.store import JobStore
from shared.rack.worker_registry import GpuFacts, WorkerRegistry, WorkerReport, WorkerState
from shared.redis import keys
from shared.settings import Settings
from workers.control.reports import Reports, Standing, state_of
from workers.devices.slot import Slot

SLOT = Slot(name="w", gpu="cpu", device="cpu", total_mib=8, budget_mib=8, models=("one",), note="has no GPU")


@dataclass
class Worker:
    """A worker whose circumstances a test changes."""

    has_yielded: bool = False
    can_work: bool = True
    jobs: tuple[str, ...] = ()
    pauses: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.redis = fakeredis.FakeRedis()
        self.registry = WorkerRegistry(self.redis)
        self.standing = Standing(
            "w",
            self.registry,
            on_pause=self.pauses.append,
            has_yielded=lambda: self.has_yielded,
            can_work=lambda: self.can_work,
        )
        self.reports = Reports(
            SLOT,
            JobStore(self.redis, Settings()),
            self.registry,
            self.standing,
            facts=lambda: GpuFacts(name="CPU", uuid="cpu-0", total_mib=8),
            jobs=lambda: self.jobs,
        )

    def told(self) -> WorkerReport:
        self.standing.look()
        self.reports.tell()
        [report] = self.registry.living()
        return report


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.mark.parametrize(
    ("can_work", "is_leaving", "has_yielded", "has_jobs", "state"),
    [
        (True, False, False, False, WorkerState.READY),
        (True, False, False, True, WorkerState.BUSY),
        (True, False, True, True, WorkerState.YIELDING),
        (True, True, True, True, WorkerState.DRAINING),
        (False, True, True, True, WorkerState.STARTING),
    ],
)
def test_of_what_is_true_of_a_worker_the_gravest_is_its_state(can_work, is_leaving, has_yielded, has_jobs, state):
    assert state_of(can_work=can_work, is_leaving=is_leaving, has_yielded=has_yielded, has_jobs=has_jobs) == state


def test_a_report_says_what_the_child_holds_and_what_the_worker_runs(worker):
    worker.redis.set(keys.resident("w"), json.dumps([{"model": "one", "held_mib": 5}, {"model": "two", "held_mib": 2}]))
    worker.jobs = ("a job",)

    told = worker.told()

    assert (told.state, told.held_mib, told.jobs, told.models) == ("busy", 7, ("a job",), ("one",))
    assert [resident.model for resident in told.resident] == ["one", "two"]


def test_a_paused_worker_drains_until_it_is_told_to_go_on(worker):
    worker.registry.pause("w")
    paused = worker.told().state
    worker.registry.resume("w")

    assert (paused, worker.told().state) == (WorkerState.DRAINING, WorkerState.READY)
    assert worker.pauses == [True, False]


def test_a_worker_that_was_told_to_end_drains_whatever_it_is_told_later(worker):
    worker.standing.drain()

    assert worker.told().state == WorkerState.DRAINING


# -- what its child hears ------------------------------------------------------------------------------------------------


@pytest.fixture
def away(worker, monkeypatch) -> list[bool]:
    """Whether Redis is away, by the last of them, for words of whether a worker takes anybody."""
    is_away = [False]

    def unless_away(tell):
        def told(*args):
            if is_away[-1]:
                raise RedisUnavailable("away")
            tell(*args)

        return told

    for name in ("drain", "stays"):
        monkeypatch.setattr(worker.registry, name, unless_away(getattr(worker.registry, name)))
    return is_away


def tell_in_vain(worker: Worker) -> None:
    with pytest.raises(RedisUnavailable):
        worker.standing.tell()


def test_a_yield_whose_end_redis_did_not_hear_is_told_to_be_over_at_the_next_look(worker, away):
    worker.has_yielded = True
    worker.standing.tell()
    worker.has_yielded = False
    away.append(True)
    tell_in_vain(worker)
    took_nobody = worker.registry.takes_nobody("w")
    away.append(False)

    worker.standing.tell()

    assert took_nobody
    assert not worker.registry.takes_nobody("w")


@pytest.mark.parametrize("why", ["yields", "ends"])
def test_that_it_takes_nobody_is_told_later_where_redis_did_not_hear_it(worker, away, why):
    worker.has_yielded = why == "yields"
    if why == "ends":
        worker.standing.drain()
    away.append(True)
    tell_in_vain(worker)
    away.append(False)

    worker.standing.tell()

    assert worker.registry.takes_nobody("w")


def test_it_is_told_again_and_again_and_soon_forgotten_of_a_worker_that_says_no_more(worker):
    worker.has_yielded = True
    worker.standing.tell()
    worker.redis.delete(keys.draining("w"))

    worker.standing.tell()

    assert 0 < worker.redis.pttl(keys.draining("w")) <= 1000 * keys.DRAINING_TTL_S


def test_what_was_said_of_the_worker_before_it_is_taken_back_however_late_and_once(worker, away, monkeypatch):
    worker.registry.drain("w")
    away.append(True)
    tell_in_vain(worker)
    away.append(False)

    worker.standing.tell()
    takes_nobody = worker.registry.takes_nobody("w")
    monkeypatch.setattr(worker.registry, "stays", None)
    worker.standing.tell()

    assert not takes_nobody


def test_who_has_yielded_and_was_told_to_end_takes_nobody_after_the_yield_either(worker):
    worker.has_yielded = True
    worker.standing.tell()
    worker.standing.drain()
    worker.has_yielded = False

    worker.standing.tell()

    assert worker.registry.takes_nobody("w")


def test_a_starting_worker_says_what_troubles_it_and_a_ready_one_what_its_owner_should_know(worker):
    worker.registry.tell_trouble("w", "torch is a CPU build")
    worker.can_work = False
    starting = worker.told()
    worker.can_work = True

    assert (starting.state, starting.note) == ("starting", "torch is a CPU build")
    assert worker.told().note == "has no GPU"
