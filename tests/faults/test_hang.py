"""A job that never comes back from a step: a driver that hangs, a deadlock."""

from tests.faults.stack import new_mark


def test_a_hung_job_loses_its_child_and_runs_again(rig):
    job = rig.generate(f"hang=1 once={new_mark()}")

    done = rig.finish(job["id"])

    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert done["history"][0]["reason"].startswith("step_timeout")
    rig.one_more_good_answer()


def test_a_deadline_is_kept_in_the_queue_and_on_the_card(rig):
    running = rig.generate("pace=50", steps=150, deadline_s=4)["id"]
    rig.wait_for_state(running, "running")
    rig.occupy(seconds=6)
    waiting = rig.generate(deadline_s=0.2)["id"]

    ended = rig.finish_all([running, waiting])

    assert [job["error"]["code"] for job in ended] == ["deadline_exceeded"] * 2
    rig.one_more_good_answer()
