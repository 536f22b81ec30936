"""Launcher, workers and children die in one moment: power, a kernel panic."""

from tests.faults.stack import ENDED


def test_what_ran_on_a_host_that_is_gone_runs_again_when_one_is_back(rig):
    ids = rig.occupy()

    rig.kill_host()
    rig.start_workers().wait_until_ready()

    ended = rig.finish_all(ids)
    assert [(job["state"], job["attempt"]) for job in ended] == [("succeeded", 2)] * len(ids)
    rig.one_more_good_answer()


def test_a_launcher_that_is_killed_alone_leaves_a_worker_that_finishes_its_job(rig):
    job = rig.long_job()

    rig.parts.pop("workers").kill()
    rig.start_workers()

    done = rig.finish(job["id"])
    assert done["state"] in ENDED[:1]
    assert done["attempt"] == 1
    rig.wait_until_ready()
    rig.one_more_good_answer()
