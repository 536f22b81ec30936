"""Redis is full, or has become a replica: it answers, and takes nothing."""

import pytest

#: How a server starts to refuse writes, and how it takes them again.
REFUSALS = {
    "full": (("CONFIG", "SET", "maxmemory", "1mb"), ("CONFIG", "SET", "maxmemory", "0")),
    "read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_redis_that_refuses_writes_costs_a_503_and_no_job(rig, kind):
    refuse, accept = REFUSALS[kind]
    ids = rig.occupy(seconds=2)

    rig.store.redis.execute_command(*refuse)
    try:
        answer = rig.http.post("/v1/generate", json={"prompt": "x", "model": "fault"}, timeout=30)
        seen = rig.http.get(f"/v1/jobs/{ids[0]}", timeout=30)
    finally:
        rig.store.redis.execute_command(*accept)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert seen.status_code == 200
    assert {job["state"] for job in rig.finish_all(ids)} == {"succeeded"}
    rig.one_more_good_answer()
