"""Redis takes connections and answers nothing: a full disk under its AOF, a stopped process."""

import psutil

from tests.faults.stack import pass_time


def test_a_redis_that_hangs_for_longer_than_a_lease_costs_no_running_job_an_attempt(rig):
    ids = rig.occupy(seconds=2)
    server = psutil.Process(rig.valkey.pid)

    server.suspend()
    try:
        answer = rig.http.post("/v1/generate", json={"prompt": "x", "model": "fault"}, timeout=30)
        pass_time(1.5 * rig.settings.lease_s)
    finally:
        server.resume()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    ended = rig.finish_all(ids)
    assert [(job["state"], job["attempt"]) for job in ended] == [("succeeded", 1)] * len(ids)
    rig.one_more_good_answer()
