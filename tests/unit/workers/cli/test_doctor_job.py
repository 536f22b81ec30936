"""`darkroom doctor --job` answers why a job is not moving."""

import json

import pytest

from shared.contracts.jobs import JobRecord, Progress, State
from shared.jobs import lifecycle
from shared.jobs.store import JobStore
from shared.redis.client import connect
from shared.settings import Settings
from workers.cli.doctor import main

JOB = "job_0123456789abcdef01234567"


@pytest.fixture
def store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    """Of the Redis that the command looks at."""
    monkeypatch.setenv("DARKROOM_REDIS_URL", settings.required_redis_url())
    return JobStore(connect(settings.required_redis_url(), settings.redis_timeout_s), settings)


@pytest.fixture
def queued(store: JobStore) -> JobRecord:
    record = JobRecord(id=JOB, kind="generate", model="sdxl-toy", state=State.QUEUED, queue="sdxl-toy.normal")
    return store.create(record)[0]


def test_a_queued_job_that_nobody_serves_is_told_so(queued, capsys):
    assert main(["--job", JOB]) == 0

    assert capsys.readouterr().out == f"{JOB}: no worker lives\n"


def test_a_running_jobs_step_silence_and_limit_are_told(queued, store, settings, capsys):
    store.move(JOB, lambda job, now_ms: lifecycle.claim(job, now_ms, worker="attic", gpu="cpu", token="pen"))
    store.beat(JOB, "pen", Progress(phase="running", step=3, steps=20))

    assert main(["--job", JOB, "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert "step 3 of 20 on attic" in said["why"]
    assert 0 <= said["silent_s"] < 60
    assert said["limit_s"] == settings.step_timeout_s


def test_a_job_that_is_not_there_is_one_sentence_and_status_2(store, capsys):
    assert main(["--job", JOB]) == 2

    assert capsys.readouterr().err == f"darkroom doctor: there is no job {JOB}\n"


def test_without_a_redis_it_says_which_setting_is_missing(monkeypatch, capsys):
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)

    assert main(["--job", JOB]) == 2

    assert "DARKROOM_REDIS_URL" in capsys.readouterr().err
