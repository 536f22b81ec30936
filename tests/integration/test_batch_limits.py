"""How many waiting jobs a worker takes into one GPU batch: pictures and analyses have limits of their own."""

from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.contracts.kinds import KIND_RULES, KindRules
from shared.jobs.routing import queue_of
from workers.devices.slot import Slot
from workers.execution import runner
from workers.execution.kinds.base import Outcome
from workers.execution.kinds.table import KINDS

WAITING = 20


class Seen:
    """Stands for an engine's kind: remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, records, runtime, watch, stopwatch):
        self.sizes.append(len(records))
        return [Outcome({"answers": [], "images": []}) for _ in records]


def waiting(kind: str) -> JobRecord:
    """A job that may share a GPU batch with all others of its kind."""
    return JobRecord(
        id=new_job_id(),
        kind=kind,
        model="m",
        state=State.QUEUED,
        params={"n": 1, "width": 64, "height": 64, "steps": 2},
        queue=queue_of("m", Priority.NORMAL),
        batch_key="m:same",
    )


@pytest.fixture
def runtime(services, monkeypatch):
    monkeypatch.setattr(runner, "engine_kind", lambda name: SimpleNamespace(makes_steps=False))
    return SimpleNamespace(
        settings=services.settings,
        slot=Slot(name="gpu0", gpu="GPU-0", device="cpu", total_mib=1000, budget_mib=1000, models=("m",)),
        store=services.store,
        catalogue=SimpleNamespace(get=lambda model: SimpleNamespace(engine=model)),
        dispatcher=services.dispatcher,
        residency=SimpleNamespace(residents=list, expire_idle=list, leaked_mib=0),
        tell_residents=lambda: None,
    )


def test_a_new_kind_of_job_needs_no_more_than_its_rows(services, runtime, monkeypatch):
    seen = Seen()
    monkeypatch.setitem(KIND_RULES, "enlarge", KindRules(BaseModel, is_work=True))
    monkeypatch.setitem(
        KINDS,
        "enlarge",
        SimpleNamespace(run=seen, most_peers=lambda record, settings: 2),
    )
    records = [waiting("enlarge") for _ in range(WAITING)]
    for record in records:
        services.dispatcher.submit(record)

    runner.Runner(runtime).run(records[0].id)

    assert seen.sizes == [3]
    assert services.store.counts()["succeeded"] == 3


@pytest.mark.parametrize(("kind", "most"), [("generate", 4), ("analyze", 16)])
def test_so_many_jobs_of_a_kind_share_one_batch(services, runtime, monkeypatch, kind, most):
    seen = Seen()
    monkeypatch.setattr(KINDS[kind], "run", seen)
    records = [waiting(kind) for _ in range(WAITING)]
    for record in records:
        services.dispatcher.submit(record)

    runner.Runner(runtime).run(records[0].id)

    assert seen.sizes == [most]
    assert services.store.counts()["succeeded"] == most
