"""A checkpoint is written with its claim's pen: whoever lost the job meanwhile, or saw it end, leaves nothing behind.

And all together are written at no more than so many bytes a second.
"""

import threading
import time

import pytest
from structlog.testing import capture_logs

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Progress, Reason, State
from shared.jobs import checkpoints, lifecycle
from shared.jobs.checkpoints import MOST_BYTES, MOST_BYTES_PER_S, Checkpoints, Kept
from shared.jobs.routing import queue_of
from shared.models.measurements import Measurements
from shared.redis import keys
from tests.integration.test_stepping_run import (
    MODEL,
    PlayedEngine,
    _every_step_looks_and_tells,
    command,
    queued,
    runtime_of,
    states,
)
from tests.rig import wait_for
from workers.execution.runner import Runner
from workers.execution.stepping import keeping

__all__ = ["_every_step_looks_and_tells"]

QUEUE = queue_of(MODEL, Priority.NORMAL)


@pytest.fixture
def kept(services) -> Checkpoints:
    return Checkpoints(services.store.redis)


def claimed(services, record: JobRecord, token: str) -> JobRecord:
    return services.store.move(record.id, lambda r, now: lifecycle.claim(r, now, worker=token, gpu="G", token=token))


def lost(services, record: JobRecord, token: str) -> None:
    services.store.move(record.id, lambda r, now: lifecycle.lose(r, now, reason="died", token=token))


def test_who_holds_a_job_keeps_its_states_instead_of_those_before(services, kept):
    job = claimed(services, queued(services, "long"), "mine")

    kept.put(job.id, "mine", Kept({0: b"1", 1: b"1"}))
    has_kept = kept.put(job.id, "mine", Kept({0: b"2"}, was_resumed=True))

    assert has_kept
    assert (kept.get(job.id).states, kept.get(job.id).was_resumed) == ({0: b"2"}, True)
    assert 0 < services.store.redis.ttl(keys.checkpoint(job.id)) <= keys.CHECKPOINT_TTL_S


def test_a_late_write_of_a_worker_that_lost_the_job_leaves_the_newer_attempts(services, kept):
    job = queued(services, "long")
    claimed(services, job, "late")
    lost(services, job, "late")
    claimed(services, job, "newer")
    kept.put(job.id, "newer", Kept({0: b"12"}))

    has_kept = kept.put(job.id, "late", Kept({0: b"3"}))

    assert not has_kept
    assert kept.get(job.id).states == {0: b"12"}


def test_a_late_write_to_a_job_that_waits_again_changes_nothing(services, kept):
    job = queued(services, "long")
    claimed(services, job, "late")
    kept.put(job.id, "late", Kept({0: b"5"}))
    lost(services, job, "late")

    assert not kept.put(job.id, "late", Kept({0: b"9"}))
    assert kept.get(job.id).states == {0: b"5"}


@pytest.mark.parametrize("end", ["cancelled", "succeeded", "expired"])
def test_nothing_outlives_a_job_that_ended_between_the_snapshot_and_its_writing(services, kept, end):
    job = claimed(services, queued(services, "long"), "mine")
    if end == "expired":
        services.store.redis.delete(keys.job(job.id))
    else:
        services.store.move(job.id, lambda r, now: lifecycle.end(r, now, state=State(end), token="mine"))

    has_kept = kept.put(job.id, "mine", Kept({0: b"9"}))

    assert not has_kept
    assert not services.store.redis.exists(keys.checkpoint(job.id))


class Held:
    """Lets writes begin, and end when it is told to."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.may_go_on, self.done = threading.Event(), threading.Event(), threading.Event()
        put = Checkpoints.put

        def late(*args, **kwargs):
            self.begun.set()
            assert self.may_go_on.wait(30)
            try:
                return put(*args, **kwargs)
            finally:
                self.done.set()

        monkeypatch.setattr(Checkpoints, "put", late)


def run_of(services, engine: PlayedEngine, sent: list) -> Runner:
    return Runner(runtime_of(services, engine, sent, checkpoint_steps=1))


def test_a_run_leaves_no_checkpoint_of_a_job_that_ended_while_it_was_written(services, kept, monkeypatch):
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    held, engine = Held(monkeypatch), PlayedEngine(services.catalogue.get(MODEL))
    job = queued(services, "long", steps=6)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and wait_for(held.begun.is_set)

    run_of(services, engine, []).run(job.id, QUEUE)
    assert states(services, job) == ["succeeded"]
    held.may_go_on.set()

    assert held.done.wait(30)
    assert not services.store.redis.exists(keys.checkpoint(job.id))


def test_a_job_goes_back_once_what_was_kept_of_it_at_the_end_is_written(services, kept, monkeypatch):
    engine, sent = PlayedEngine(services.catalogue.get(MODEL)), []
    runner = run_of(services, engine, sent)
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    held = Held(monkeypatch)
    runner.run(job.id, QUEUE)
    assert held.begun.wait(30)
    leaving = threading.Thread(target=runner.leave)
    leaving.start()

    held.may_go_on.set()
    leaving.join(30)

    record = services.store.get(job.id)
    assert (record.state, record.history[0].reason) == (State.QUEUED, Reason.DRAINED)
    # The command is heard at the boundary after the third step, or at the next where its look came late.
    assert len(engine.passes) < 8
    assert kept.get(job.id).states == {0: str(len(engine.passes)).encode()}


def test_what_happened_since_it_was_written_decides_whether_a_job_goes_on_from_it(services, kept):
    engine = PlayedEngine(services.catalogue.get(MODEL))
    job = queued(services, "long", steps=20)
    claimed(services, job, "mine")
    kept.put(job.id, "mine", Kept({0: b"12"}))
    lost(services, job, "mine")
    claimed(services, job, "mine")
    services.store.beat(job.id, "mine", Progress(resumed_at=12), ())
    lost(services, job, "mine")
    drained_before_it_began(services, job)

    run_of(services, engine, []).run(job.id, QUEUE)

    assert len(engine.passes) == 20


def test_a_job_that_broke_a_pass_starts_at_its_beginning_though_an_attempt_in_between_wrote_nothing(services, kept):
    engine = PlayedEngine(services.catalogue.get(MODEL))
    job = queued(services, "long", steps=20)
    claimed(services, job, "mine")
    kept.put(job.id, "mine", Kept({0: b"12"}))
    services.store.move(job.id, lambda r, now: lifecycle.give_back(r, now, token="mine", reason=Reason.RUNS_ALONE))
    drained_before_it_began(services, job)

    run_of(services, engine, []).run(job.id, QUEUE)

    assert len(engine.passes) == 20


def test_who_goes_on_from_a_newer_attempts_checkpoint_is_not_asked_what_was_before_that(services, kept):
    engine = PlayedEngine(services.catalogue.get(MODEL))
    job = queued(services, "long", steps=20)
    claimed(services, job, "mine")
    services.store.move(job.id, lambda r, now: lifecycle.give_back(r, now, token="mine", reason=Reason.RUNS_ALONE))
    claimed(services, job, "mine")
    kept.put(job.id, "mine", Kept({0: b"15"}, attempt=2))
    lost(services, job, "mine")

    run_of(services, engine, []).run(job.id, QUEUE)

    assert len(engine.passes) == 5


@pytest.mark.parametrize(("flag", "step"), [(b"", 12), (b"1", 12), (b"{", 0)])
def test_what_the_version_before_kept_is_gone_on_from_and_what_cannot_be_read_is_not(services, kept, flag, step):
    engine = PlayedEngine(services.catalogue.get(MODEL))
    job = queued(services, "long", steps=20)
    claimed(services, job, "mine")
    services.store.redis.hset(keys.checkpoint(job.id), mapping={"0": b"12", "was_resumed": flag})
    services.store.move(job.id, lambda r, now: lifecycle.give_back(r, now, token="mine", reason=Reason.DRAINED))

    run_of(services, engine, []).run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]
    assert len(engine.passes) == 20 - step


def test_the_version_before_can_read_what_is_kept(services, kept):
    job = claimed(services, queued(services, "long"), "mine")

    kept.put(job.id, "mine", Kept({0: b"1", 1: b"2"}, spent_s=1.0))

    fields = services.store.redis.hgetall(keys.checkpoint(job.id))
    assert fields.pop(b"was_resumed")
    assert {int(place): data for place, data in fields.items()} == {0: b"1", 1: b"2"}


def drained_before_it_began(services, job: JobRecord) -> None:
    claimed(services, job, "mine")
    services.store.move(job.id, lambda r, now: lifecycle.give_back(r, now, token="mine", reason=Reason.DRAINED))


def test_what_the_steps_took_that_a_job_goes_on_from_is_charged_with_the_rest_and_teaches_nobody(services, kept):
    engine = PlayedEngine(services.catalogue.get(MODEL))
    runner = run_of(services, engine, [])
    runner.run(queued(services, "whole", steps=20).id, QUEUE)
    learned = Measurements(services.store.redis).times(MODEL)
    job = queued(services, "long", steps=20)
    claimed(services, job, "mine")
    kept.put(job.id, "mine", Kept({0: b"18"}, spent_s=100.0))
    services.store.move(job.id, lambda r, now: lifecycle.give_back(r, now, token="mine", reason=Reason.DRAINED))

    runner.run(job.id, QUEUE)

    assert 100.0 <= services.store.get(job.id).spent_s < 200.0
    assert Measurements(services.store.redis).times(MODEL) == learned


def test_a_run_that_gives_way_again_and_again_writes_no_more_often_than_others(services, monkeypatch):
    engine, sent, written = PlayedEngine(services.catalogue.get(MODEL)), [], []
    put = Checkpoints.put
    monkeypatch.setattr(keeping, "LEAST_S", 3600.0)
    monkeypatch.setattr(Checkpoints, "put", lambda *args: written.append(args) or put(*args))
    runner = run_of(services, engine, sent)
    job = queued(services, "long", steps=20)
    engine.at_pass = lambda samples: len(engine.passes) % 2 == 0 and command(services)

    runner.run(job.id, QUEUE)
    while states(services, job) == ["running"]:
        runner.run(*sent.pop())

    assert len(written) == 1


def test_what_is_too_large_to_be_kept_is_said(services, monkeypatch):
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 0)
    monkeypatch.setattr(keeping, "MOST_BYTES", 0)
    engine = PlayedEngine(services.catalogue.get(MODEL))
    runner = run_of(services, engine, [])

    with capture_logs() as said:
        runner.run(queued(services, "large", steps=4).id, QUEUE)
        runner._runs[MODEL].leave()

    assert "checkpoint.not_kept" in [line["event"] for line in said]


# -- what all together may write ------------------------------------------------------------------------------------------

MIB = 2**20
LARGEST = MOST_BYTES / MIB


def later(services, seconds: float) -> None:
    """So much time is over for what was written so far."""
    drained_at_us = services.store.redis.get(keys.CHECKPOINTS)
    if drained_at_us is not None:
        services.store.redis.set(keys.CHECKPOINTS, int(drained_at_us) - round(seconds * 1e6), keepttl=True)


@pytest.fixture
def job(services) -> JobRecord:
    return claimed(services, queued(services, "large"), "mine")


def put(kept: Checkpoints, job: JobRecord, mib: float) -> bool:
    return kept.put(job.id, "mine", Kept({0: bytes(round(mib * MIB))}))


def test_what_one_overdraws_those_of_the_next_second_wait_for_too(services, kept, job):
    assert put(kept, job, LARGEST)
    second = services.store.redis.time()[0]
    wait_for(lambda: services.store.redis.time()[0] > second)

    assert not put(kept, job, LARGEST)
    assert not put(kept, job, 0.001)


@pytest.mark.parametrize("mib", [1, 3, 16])
def test_all_together_are_written_at_the_rate_that_is_promised(services, kept, job, mib):
    began_s, written_mib = time.monotonic(), 0
    for _ in range(120):  # 30 s, four looks in each
        while put(kept, job, mib):
            written_mib += mib
        later(services, 0.25)

    per_s, took_s = MOST_BYTES_PER_S / MIB, time.monotonic() - began_s
    assert 30 * per_s - mib <= written_mib <= (30 + took_s) * per_s + per_s + mib


def test_the_largest_gets_through_while_others_come_all_the_time(services, kept, job):
    while put(kept, job, 3):
        pass
    looks = 0
    while not put(kept, job, LARGEST):
        later(services, 0.25)
        looks += 1
        if looks % 2:
            put(kept, job, 3)
        assert looks < 100

    assert not put(kept, job, 3)
    later(services, LARGEST * MIB / MOST_BYTES_PER_S)
    assert put(kept, job, 3)


def test_one_that_is_refused_makes_nobody_wait_longer(services, kept, job):
    put(kept, job, LARGEST)
    drained_at_us = services.store.redis.get(keys.CHECKPOINTS)

    assert not put(kept, job, LARGEST)
    assert services.store.redis.get(keys.CHECKPOINTS) == drained_at_us


def test_the_count_goes_once_it_is_used_up(services, kept, job):
    put(kept, job, LARGEST)

    assert 0 < services.store.redis.pttl(keys.CHECKPOINTS) <= 1000 * MOST_BYTES / MOST_BYTES_PER_S


def test_a_clock_that_went_back_locks_nobody_out(services, kept, job):
    put(kept, job, LARGEST)
    later(services, -3600)

    assert put(kept, job, LARGEST)
    assert not put(kept, job, 1)
