"""A kind of job is one file and one row: nobody else knows its name."""

from types import SimpleNamespace

import pytest
from pydantic import BaseModel, ValidationError

from shared.batches.plan import chain_of
from shared.contracts.batch_records import BatchRecord, Member, StepPlan, Variant
from shared.contracts.jobs import JobRecord, State, Timings
from shared.contracts.kinds import KIND_RULES, Cost, KindRules
from shared.jobs.chain_rules import queue_after
from shared.models.measurements import JOB
from shared.settings import Settings
from workers.execution.kinds.base import Outcome
from workers.execution.kinds.table import KINDS
from workers.execution.timing import record_timing


class EnlargeParams(BaseModel):
    image: str
    factor: int


class Enlarge:
    """A third kind of work."""

    def most_peers(self, record, settings):
        return 3

    def run(self, records, runtime, watch, stopwatch):
        return [Outcome({"images": [{"id": record.params["image"]}]}) for record in records]


@pytest.fixture
def enlarge(monkeypatch):
    rules = KindRules(
        EnlargeParams,
        is_work=True,
        makes_pictures=True,
        follows_picture=True,
        cost=lambda params: Cost(f"x{params['factor']}", 2),
    )
    monkeypatch.setitem(KIND_RULES, "enlarge", rules)
    monkeypatch.setitem(KINDS, "enlarge", Enlarge())


def job(**fields):
    known = {"id": "job_1", "kind": "enlarge", "model": "m", "state": State.RUNNING}
    return JobRecord.model_validate({**known, "params": {"image": "a", "factor": 4}, **fields})


def test_every_kind_that_may_be_sent_can_be_run():
    assert KINDS.keys() == KIND_RULES.keys()


def test_a_kind_without_a_row_is_no_kind():
    with pytest.raises(ValidationError, match="no kind of job"):
        job()


@pytest.mark.usefixtures("enlarge")
def test_a_new_kinds_step_waits_for_the_worker_that_knows_its_picture():
    previous = job(id="job_0", kind="generate", worker="gpu-1")

    assert queue_after(job(), previous) == "@gpu-1.normal"
    assert queue_after(job(), previous.model_copy(update={"model": "other"})) == "m.normal"


@pytest.mark.usefixtures("enlarge")
def test_a_new_kinds_step_gets_no_prompt_and_no_seed_of_a_member():
    plan = StepPlan(kind="enlarge", variants=(Variant(model="m", params={"image": "@previous", "factor": 4}),))
    batch = BatchRecord(id="bat_1", total=1, steps=(plan,))

    [step] = chain_of(batch, 0, Member(image="a", prompt="a lamp", seed=7))

    assert step.params == {"image": "a", "factor": 4}


@pytest.mark.usefixtures("enlarge")
def test_a_new_kinds_times_are_kept_at_its_own_size():
    kept = {}
    learned = SimpleNamespace(add_time=lambda model, worker, what, ms: kept.update({what: ms}))

    record_timing(learned, "gpu-0", [job(), job(id="job_2")], Timings(running_ms=400), has_loaded=False)

    assert kept == {JOB: 200.0, "x4": 100.0}


@pytest.mark.parametrize(
    ("kind", "params", "peers"),
    [("generate", {"n": 1}, 3), ("generate", {"n": 2}, 0), ("analyze", {}, 15), ("switch", {}, 0), ("unload", {}, 0)],
)
def test_each_kind_says_how_many_peers_share_its_gpu_batch(kind, params, peers):
    record = job(kind=kind, params=params)

    assert KINDS[kind].most_peers(record, Settings(max_batch=4, max_analysis_batch=16)) == peers
