"""A worker's main process dies, and its child with it."""

from tests.rig import wait_for


def test_a_job_whose_worker_was_killed_runs_again_at_once(rig):
    job = rig.long_job()
    child = rig.child_of(job["worker"])

    rig.main_of(job["worker"]).kill()

    wait_for(lambda: not child.is_running(), what="the end of the child, which must not go on holding the card")
    done = rig.finish(job["id"])
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert "the worker process died" in done["history"][0]["reason"]
    rig.one_more_good_answer()


def test_workers_that_are_killed_again_and_again_are_started_again_each_time(rig):
    for _ in range(3):
        main = rig.wait_until_ready().mains()[0]

        main.kill()

        wait_for(lambda main=main: main not in rig.mains(), what="its end")
    rig.wait_until_ready()
    rig.one_more_good_answer()
