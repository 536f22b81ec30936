"""A worker stands still for longer than its lease and comes back: a laptop's lid, a host that swaps."""

import contextlib

import psutil

from tests.rig import wait_for


def test_the_late_result_of_a_worker_that_was_stopped_past_its_lease_is_refused(rig):
    job = rig.long_job()
    stopped = [rig.main_of(job["worker"]), rig.child_of(job["worker"])]
    for process in stopped:
        process.suspend()

    done = rig.finish(job["id"])
    said = len(rig.log("workers"))
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()

    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert done["worker"] != job["worker"]
    wait_for(lambda: "fenced" in rig.log("workers")[said:], what="the late worker's fence")
    assert rig.job(job["id"]) == done
    rig.one_more_good_answer()
