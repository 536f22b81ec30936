"""Holding, pausing and what is used, through the whole stack: real tickets, real workers."""

from collections.abc import Iterator

import pytest

from tests.rig import Rig, running_stack


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    with running_stack(tmp_path_factory.mktemp("in_hand")) as stack:
        yield stack


def change(rig: Rig, path: str, **fields) -> dict:
    answer = rig.http.patch(path, json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_what_is_held_waits_while_others_run_and_runs_once_it_is_released(rig):
    change(rig, "/v1/me", paused=True)
    paused, held = rig.generate()["id"], rig.generate()["id"]
    change(rig, f"/v1/jobs/{held}", held=True)
    waiting = [rig.job(job_id)["queue"]["waits"]["code"] for job_id in (paused, held)]

    change(rig, "/v1/me", paused=False)
    done = rig.finish(paused)
    still = rig.job(held)
    change(rig, f"/v1/jobs/{held}", held=False)

    assert waiting == ["held", "held"]
    assert (done["state"], still["state"], still["held"]) == ("succeeded", "queued", True)
    assert rig.finish(held)["state"] == "succeeded"


def test_a_job_made_more_urgent_is_found_in_its_new_queue(rig):
    job_id = rig.generate(priority="low")["id"]
    rig.http.patch(f"/v1/jobs/{job_id}", json={"priority": "high"})  # it may run already: then it stays as it is

    assert rig.finish(job_id)["state"] == "succeeded"


def test_what_jobs_took_is_settled_and_what_they_made_is_counted(rig):
    before = rig.http.get("/v1/me").json()["usage"]
    done = rig.finish(rig.generate(seed=77)["id"])

    after = rig.http.get("/v1/me").json()["usage"]

    # Its own part of the passes: looks at the queues between them, and storing beside them, are nobody's.
    took_s = after["gpu_s_per_day"]["used"] - before["gpu_s_per_day"]["used"]
    assert 0 < took_s <= done["timings"]["running_ms"] / 1000 + 0.01
    assert after["stored_mib"]["used"] > before["stored_mib"]["used"]
    assert after["unfinished_jobs"]["used"] == 0
