"""The process that owns the device dies in the middle of a step: a segfault, the OOM killer."""


def test_a_job_whose_child_was_killed_mid_step_runs_again_and_ends_once(rig):
    job = rig.long_job()

    rig.child_of(job["worker"]).kill()

    done = rig.finish(job["id"])
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert [past["reason"] for past in done["history"]] == ["the worker's child process died"]
    rig.one_more_good_answer()
