"""Why a job is not moving, in a sentence."""

import pytest

from shared.contracts.jobs import Attempt, Failure, JobRecord, Phase, Progress, State
from shared.jobs.stillness import explain, silence_limit_s, waits
from shared.rack.worker_registry import GpuFacts, WorkerReport
from shared.settings import Settings

SETTINGS = Settings(load_timeout_s=600, step_timeout_s=180, store_timeout_s=120, stale_queued_s=10)
NOW_MS = 1_000_000


def worker(name: str = "gpu-0", state: str = "ready", **how: object) -> WorkerReport:
    facts = GpuFacts(name="card", uuid="GPU-1", total_mib=24_000)
    known = {"host": "here", "pid": 1, "budget_mib": 20_000, "models": ("sdxl",), "gpu": facts}
    return WorkerReport.model_validate({"name": name, "state": state, **known, **how})


def job(state: State, **fields: object) -> JobRecord:
    known = {"id": "job_1", "kind": "generate", "model": "sdxl", "queue": "sdxl.normal"}
    return JobRecord.model_validate({**known, "state": state, **fields})


def running(phase: Phase = "running", silent_ms: int = 2_000, **fields: object) -> JobRecord:
    progress = Progress(phase=phase, step=7, steps=30)
    known = {"worker": "gpu-0", "progress": progress, "beat_at_ms": NOW_MS - silent_ms}
    return job(State.RUNNING, **{**known, **fields})


def why(record: JobRecord, *workers: WorkerReport) -> str:
    return explain(record, workers, NOW_MS, SETTINGS).why


def test_a_running_job_tells_its_silence_and_the_limit_of_its_phase():
    told = explain(running(), [worker()], NOW_MS, SETTINGS)

    assert (told.silent_s, told.limit_s) == (2.0, 180)
    assert told.why == "it is at step 7 of 30 on gpu-0, last heard of 2.0 s ago; it may be silent for 180 s there"


@pytest.mark.parametrize(("phase", "limit_s"), [("loading", 600), ("running", 180), ("storing", 120)])
def test_each_phase_has_its_own_limit(phase, limit_s):
    assert explain(running(phase), [worker()], NOW_MS, SETTINGS).limit_s == limit_s
    assert silence_limit_s(phase, SETTINGS) == limit_s


def test_a_job_silent_for_longer_than_its_limit_hangs():
    assert "hangs" in why(running(silent_ms=181_000), worker())
    assert "hangs" not in why(running(silent_ms=179_000), worker())


def test_a_job_whose_worker_no_longer_reports_is_taken_when_its_lease_ends():
    told = why(running(lease_until_ms=NOW_MS + 4_500), worker("gpu-1"))

    assert "gpu-0" in told
    assert "lease ends in 4.5 s" in told


def test_a_cancelled_running_job_says_that_it_ends_at_its_next_step():
    assert "cancelled" in why(running(cancel_requested=True), worker())


def test_a_job_that_has_given_no_sign_yet_is_silent_since_it_started():
    record = running(beat_at_ms=0, started_at_ms=NOW_MS - 3_000)

    assert explain(record, [worker()], NOW_MS, SETTINGS).silent_s == 3.0


def test_a_queued_job_is_not_silent():
    told = explain(job(State.QUEUED), [worker()], NOW_MS, SETTINGS)

    assert (told.silent_s, told.limit_s) == (None, None)


def test_a_queued_job_beside_a_free_worker_names_the_resending_of_lost_messages():
    assert why(job(State.QUEUED), worker()) == (
        "a worker is free for it; should its message be lost, it is sent again after 10 s"
    )


def test_a_queued_job_waits_its_turn_where_all_are_busy():
    assert "gpu-0" in why(job(State.QUEUED), worker(state="busy", jobs=("job_2",)))


def test_a_worker_that_takes_no_jobs_is_named_with_its_reason():
    told = why(job(State.QUEUED), worker(state="unhealthy", note="the driver is gone"))

    assert "gpu-0 is unhealthy (the driver is gone)" in told


def test_a_model_that_fits_no_worker_is_told_with_numbers():
    told = why(job(State.QUEUED), worker(models=(), too_large={"sdxl": 31_000}))

    assert "20000 MiB" in told
    assert "31000 MiB" in told


def test_a_model_that_nobody_serves_is_named():
    assert why(job(State.QUEUED), worker(models=("other",))) == "no living worker serves sdxl"
    assert why(job(State.QUEUED)) == "no worker lives"


def test_a_job_of_one_worker_names_the_worker_that_is_gone():
    assert "gpu-7" in why(job(State.QUEUED, queue="@gpu-7.high"), worker())


def test_a_job_that_pauses_before_its_next_try_tells_when_and_why():
    past = Attempt(attempt=1, worker="gpu-0", started_at_ms=1, ended_at_ms=2, reason="retried")

    assert "2.5 s: a failure that may pass by itself" in why(
        job(State.QUEUED, not_before_ms=NOW_MS + 2_500, history=(past,)), worker()
    )


def test_a_held_job_says_so_whatever_else_is_true_of_it():
    assert why(job(State.QUEUED, held=True)) == "held: it starts when it is released"


@pytest.mark.parametrize(
    ("record", "workers", "code"),
    [
        ({"held": True}, (), "held"),
        ({"not_before_ms": NOW_MS + 1}, (worker(),), "retry"),
        ({}, (), "no_worker"),
        ({}, (worker(state="draining"),), "not_taking"),
        ({}, (worker(),), "starting"),
        ({}, (worker(state="busy", jobs=("job_2",)),), "turn"),
    ],
)
def test_programs_are_told_a_word_for_each(record, workers, code):
    assert waits(job(State.QUEUED, **record), workers, NOW_MS, SETTINGS).code == code


def test_a_waiting_step_names_the_step_before_it():
    assert "job_0" in why(job(State.WAITING, previous_id="job_0"))


def test_an_ended_job_tells_its_end():
    error = Failure(code="out_of_vram", message="needs 9 GiB")

    assert why(job(State.FAILED, error=error)) == "it has ended as failed: out_of_vram, needs 9 GiB"
    assert why(job(State.SUCCEEDED)) == "it has ended as succeeded"
