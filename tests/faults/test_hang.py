"""A job that never comes back from a step: a driver that hangs, a deadlock."""

from tests.faults.stack import new_mark


def test_a_hung_job_loses_its_child_and_runs_again(rig):
    job = rig.generate(f"hang=1 once={new_mark()}")

    done = rig.finish(job["id"])

    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert done["history"][0]["reason"].startswith("step_timeout")
    rig.one_more_good_answer()


def test_a_deadline_is_kept_in_the_queue(rig):
    seats = rig.settings.max_batch
    busy = [rig.generate("pace=300", steps=100, width=64 + 8 * n, n=seats)["id"] for n in range(rig.workers)]
    for job_id in busy:
        rig.wait_for_state(job_id, "running")

    ended = rig.finish(rig.generate(deadline_s=0.2)["id"])

    assert ended["error"]["code"] == "deadline_exceeded"
    rig.http.post("/v1/jobs/cancel", json={"ids": busy}).raise_for_status()
    rig.one_more_good_answer()


def test_a_deadline_is_kept_on_the_card(rig):
    running = rig.generate("pace=50", steps=150, deadline_s=2)["id"]
    rig.wait_for_state(running, "running")

    assert rig.finish(running)["error"]["code"] == "deadline_exceeded"
    rig.one_more_good_answer()
