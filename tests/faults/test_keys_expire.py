"""Nothing of ours stays in Redis for ever."""

#: kombu's own: its bindings and what is unacknowledged; its lists of messages live while they have some.
KOMBUS = ("_kombu.binding", "unacked")


def test_every_key_has_an_end_after_a_mixed_load(rig):
    ids = [rig.generate(seed=seed, deadline_s=60, n=1 + seed % 2)["id"] for seed in range(4)]
    rig.http.delete(f"/v1/jobs/{ids[0]}")
    failed = rig.finish(rig.generate("raise=1")["id"])
    rig.http.post(f"/v1/jobs/{failed['id']}/retry")
    rig.http.post(
        "/v1/generate", json={"prompt": "pace=1", "model": "fault"}, headers={"Idempotency-Key": "keys-expire"}
    )
    rig.finish_all(ids)

    names = [key.decode() for key in rig.store.redis.scan_iter(count=1000)]
    endless = {name for name in names if rig.store.redis.ttl(name) == -1}

    queues = set(rig.store.queue_depths())
    assert {name for name in endless if name not in queues and not name.startswith(KOMBUS)} == set()
    rig.one_more_good_answer()
