"""What becomes of a job whose GPU batch failed: each job by itself."""

from types import SimpleNamespace

import fakeredis
import pytest

from shared.contracts.jobs import JobRecord, Reason, State
from shared.errors import ArtifactStoreDown, DoesNotFit, EngineFailed, OutOfVram, RedisUnavailable
from shared.jobs import lifecycle
from workers.execution.endings import MAX_RETRIES, Endings, Next, next_after
from workers.execution.kinds.base import Outcome
from workers.execution.progress import Claim
from workers.execution.timing import Stopwatch


def running(job_id: str = "job_1", retries: int = 0) -> JobRecord:
    record = JobRecord(id=job_id, kind="generate", model="m", state=State.QUEUED, queue="m.normal")
    for _ in range(retries):
        record = lifecycle.give_back(claimed(record), 2, token="pen", reason=Reason.RETRIED)
    return claimed(record)


def claimed(record: JobRecord) -> JobRecord:
    return lifecycle.claim(record, 1, worker="gpu-0", gpu="GPU-0", token="pen")


class House:
    """Records in a dict, the tickets that were sent, and the endings of one GPU batch."""

    def __init__(self, *records, larger=None):
        self.records = {record.id: record for record in records}
        self.sent, self.settled = [], []
        runtime = SimpleNamespace(
            store=SimpleNamespace(
                move=self._move, redis=fakeredis.FakeRedis(), settle=lambda ids, worker: self.settled.extend(ids)
            ),
            settings=SimpleNamespace(retry_backoff_s=2.0),
            slot=SimpleNamespace(name="gpu-0", budget_mib=1000),
            dispatcher=SimpleNamespace(try_resend=lambda record: self.sent.append(record.id)),
        )
        chains = SimpleNamespace(remember=lambda ended: None, advance=lambda ended: None)
        self.endings = Endings(runtime, chains, records, Stopwatch())
        self.endings._larger_gpu = lambda claim: larger
        self.claims = [Claim(record, "pen") for record in records]

    def _move(self, job_id, rule, *, waits=False):
        self.records[job_id] = rule(self.records[job_id], 10)
        return self.records[job_id]

    def state(self, job_id):
        return self.records[job_id].state


@pytest.mark.parametrize(
    ("error", "retries", "in_batch", "then"),
    [
        (RedisUnavailable("away"), 0, 1, Next.RETRY_LATER),
        (ArtifactStoreDown("away"), MAX_RETRIES - 1, 3, Next.RETRY_LATER),
        (ArtifactStoreDown("away"), MAX_RETRIES, 3, Next.RUN_ALONE),
        (ArtifactStoreDown("away"), MAX_RETRIES, 1, Next.FAIL),
        (EngineFailed("broke"), 0, 2, Next.RUN_ALONE),
        (EngineFailed("broke"), 0, 1, Next.FAIL),
        (OutOfVram("small"), 0, 2, Next.RUN_ALONE),
        (OutOfVram("small"), 0, 1, Next.MOVE),
        (DoesNotFit("small"), 0, 1, Next.MOVE),
    ],
)
def test_what_follows_a_failure(error, retries, in_batch, then):
    assert next_after(error, running(retries=retries), in_batch) is then


def test_one_member_ends_while_the_others_go_on():
    house = House(running("job_1"), running("job_2"))

    house.endings.end_one(house.claims[1], Outcome({"images": []}, artifacts=("img_1",)), ("vae_tiling",))

    assert house.state("job_1") == State.RUNNING
    assert (house.state("job_2"), house.records["job_2"].degradations) == (State.SUCCEEDED, ("vae_tiling",))
    assert house.settled == ["img_1"]


def test_one_member_fails_while_the_others_go_on():
    house = House(running("job_1"), running("job_2"))

    house.endings.fail_one(house.claims[0], EngineFailed("broke"), in_batch=1, degradations=())

    assert (house.state("job_1"), house.state("job_2")) == (State.FAILED, State.RUNNING)


def test_a_job_too_large_for_this_gpu_moves_and_says_so_as_it_always_did():
    house = House(running(), larger=SimpleNamespace(name="gpu-9", budget_mib=9000))

    house.endings.fail_one(house.claims[0], OutOfVram("small"), in_batch=1, degradations=())

    moved = house.records["job_1"]
    assert (moved.state, moved.queue, house.sent) == (State.QUEUED, "@gpu-9.normal", ["job_1"])
    assert [past.reason for past in moved.history] == ["moved_to_larger_card"]
    assert moved.degradations == ("moved_to_larger_card",)


def test_a_job_too_large_for_every_gpu_fails():
    house = House(running())

    house.endings.fail_one(house.claims[0], OutOfVram("small"), in_batch=1, degradations=())

    assert (house.state("job_1"), house.records["job_1"].error.code) == (State.FAILED, "out_of_vram")


def test_a_retry_waits_twice_as_long_each_time():
    house = House(running(retries=2))

    house.endings.fail_one(house.claims[0], ArtifactStoreDown("away"), in_batch=1, degradations=())

    assert house.records["job_1"].not_before_ms == 10 + 8000


def test_a_result_whose_pen_was_lost_changes_nothing():
    house = House(running())
    lost = Claim(house.records["job_1"], "another pen")

    house.endings.end_one(lost, Outcome({"images": []}, artifacts=("img_1",)), ())

    assert (house.state("job_1"), house.settled) == (State.RUNNING, [])
