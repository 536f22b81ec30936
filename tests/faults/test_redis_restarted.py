"""Redis is killed and started again on its append-only file."""


def test_nothing_accepted_is_lost_when_redis_is_killed_and_started_again(rig):
    ids = [*rig.occupy(), *(rig.generate(seed=seed)["id"] for seed in range(6))]

    rig.kill_valkey()
    rig.valkey.start()

    ended = rig.finish_all(ids)
    assert {job["state"] for job in ended} == {"succeeded"}
    rig.one_more_good_answer()


def test_while_redis_is_away_the_api_says_so_and_says_when_to_come_back(rig):
    rig.kill_valkey()
    try:
        answer = rig.http.post("/v1/generate", json={"prompt": "x", "model": "fault"}, timeout=30)
    finally:
        rig.valkey.start()

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "redis_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    rig.one_more_good_answer()
