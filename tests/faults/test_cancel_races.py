"""Cancelling against everything else that may happen to a job in the same moment."""

from tests.faults.stack import pass_time


def test_a_cancel_that_was_accepted_always_wins_and_a_late_one_changes_nothing(rig):
    answers = {}
    for number in range(16):
        job_id = rig.generate("pace=10", steps=4, seed=number)["id"]
        pass_time(0.02 * number)  # from before the claim to after the end
        answers[job_id] = rig.http.delete(f"/v1/jobs/{job_id}").json()["state"]

    ended = {job["id"]: job for job in rig.finish_all(list(answers))}

    for job_id, told in answers.items():
        expected = "succeeded" if told == "succeeded" else "cancelled"
        assert ended[job_id]["state"] == expected, (told, ended[job_id])
        assert (ended[job_id]["result"] is not None) == (expected == "succeeded")
    rig.one_more_good_answer()


def test_a_job_that_was_cancelled_while_its_worker_died_does_not_run_again(rig):
    job = rig.long_job()
    stopped = rig.child_of(job["worker"])
    stopped.suspend()

    told = rig.http.delete(f"/v1/jobs/{job['id']}")
    stopped.kill()

    done = rig.finish(job["id"])
    assert (told.status_code, told.json()["state"]) == (202, "running")
    assert (done["state"], done["attempt"]) == ("cancelled", 1)
    rig.one_more_good_answer()
