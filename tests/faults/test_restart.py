"""Workers are stopped, restarted and drained on purpose."""

from shared.contracts.jobs import INNOCENT
from tests.faults.stack import pass_time
from tests.rig import wait_for


def test_a_rolling_restart_of_all_workers_under_load_loses_nothing_and_fails_nothing(rig):
    ids = [rig.generate("pace=50", steps=10, seed=seed)["id"] for seed in range(30)]

    for main in rig.mains():
        main.terminate()
        wait_for(lambda main=main: main not in rig.mains(), what="the drained worker's end")
        rig.wait_until_ready()
    rig.stop("workers")
    rig.start_workers()

    ended = rig.finish_all(ids)
    assert {job["state"] for job in ended} == {"succeeded"}
    assert {past["reason"] for job in ended for past in job["history"]} <= INNOCENT
    rig.wait_until_ready()
    rig.one_more_good_answer()


def test_a_drained_worker_takes_no_job_until_it_is_resumed(rig):
    names = [report.name for report in rig.reports()]
    for name in names:
        assert rig.http.post(f"/v1/workers/{name}/drain").status_code == 202
    wait_for(lambda: {report.state for report in rig.reports()} == {"draining"}, what="drained workers")

    job_id = rig.generate()["id"]
    pass_time(2)
    untouched = rig.job(job_id)["state"]
    for name in names:
        assert rig.http.post(f"/v1/workers/{name}/resume").status_code == 202

    assert untouched == "queued"
    assert rig.finish(job_id)["state"] == "succeeded"
    rig.one_more_good_answer()
