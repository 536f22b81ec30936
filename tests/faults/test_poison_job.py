"""A job that kills every worker it meets."""


def test_a_poison_job_fails_with_its_history_and_takes_nobody_with_it(rig):
    poison = rig.generate("die=1")["id"]
    others = [rig.generate(seed=seed)["id"] for seed in range(3)]

    done = rig.finish(poison)

    assert (done["state"], done["error"]["code"], done["error"]["retryable"]) == ("failed", "worker_lost", True)
    assert len(done["history"]) == done["max_attempts"] == 3
    assert {job["state"] for job in rig.finish_all(others)} == {"succeeded"}
    rig.one_more_good_answer()


def test_a_job_that_failed_is_retried_as_a_new_one_with_its_lineage(rig):
    failed = rig.finish(rig.generate("raise=1")["id"])

    again = rig.http.post(f"/v1/jobs/{failed['id']}/retry")
    twice = rig.http.post(f"/v1/jobs/{failed['id']}/retry")

    assert failed["error"]["code"] == "engine_failed"
    assert (again.status_code, again.json()["retry_of"]) == (202, failed["id"])
    assert twice.json()["id"] == again.json()["id"]
    assert rig.job(failed["id"])["retried_as"] == again.json()["id"]
    assert rig.finish(again.json()["id"])["params"] == failed["params"]
    rig.one_more_good_answer()
