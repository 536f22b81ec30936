"""How the command line shows things."""

import io

from rich.console import Console

from api.cli.display import status_tables

WORKER = {
    "name": "gpu0",
    "state": "busy",
    "note": "the fan is loud",
    "gpu": {"name": "test card", "temperature_c": 61, "power_w": None, "utilisation_percent": 99, "ghost_mib": 0},
    "held_mib": 7000,
    "budget_mib": 12_000,
    "resident": [{"model": "sdxl"}],
    "jobs": ["job_1", "job_2"],
}
RUNNING = [{"id": "job_1", "phase": "running", "silent_s": 12.4, "limit_s": 180.0, "why": "…"}]


def shown(worker: dict) -> str:
    out = io.StringIO()
    status = {"workers": [worker], "queues": {"sdxl.normal": 3, "sdxl.low": 0}, "jobs": {"queued": 3}}
    Console(file=out, width=400).print(status_tables(status))
    return out.getvalue()


def test_the_status_tells_workers_notes_and_queues_that_are_not_empty():
    text = shown(WORKER)

    assert all(part in text for part in ("gpu0", "7,000 / 12,000", "unknown", "gpu0: the fan is loud", "sdxl.normal"))
    assert "sdxl.low" not in text


def test_the_status_tells_how_long_a_running_job_is_silent_and_may_be():
    assert "job_1 (running, silent 12 of 180 s), job_2" in shown(WORKER | {"running": RUNNING})


def test_what_an_operator_should_mend_stands_before_the_queues():
    out = io.StringIO()
    status = {"workers": [], "queues": {}, "jobs": {}, "warning": "anybody who reaches this address"}

    Console(file=out, width=400).print(status_tables(status))

    assert "warning: anybody who reaches this address" in out.getvalue()


def test_a_server_that_does_not_tell_of_silence_is_shown_too():
    assert "job_1, job_2" in shown(WORKER)
