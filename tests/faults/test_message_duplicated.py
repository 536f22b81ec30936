"""The broker delivers a message more than once."""


def test_duplicate_messages_run_no_job_twice(rig):
    busy = rig.occupy(seconds=2)
    ids = [rig.generate(seed=seed)["id"] for seed in range(4)]

    for message in rig.messages():
        rig.store.redis.lpush("fault.normal", message, message)

    ended = rig.finish_all([*busy, *ids])
    assert [(job["state"], job["attempt"]) for job in ended] == [("succeeded", 1)] * len(ended)
    rig.one_more_good_answer()
