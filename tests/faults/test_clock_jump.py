"""Redis' clock jumps. All times are Redis' own, so a jump forward is the same as all stored times going back, and that
is how it is made here: nobody but the records can tell the difference."""

from shared.jobs.store import JobStore
from shared.redis import keys

HOUR_MS = 3_600_000
TIMES = ("lease_until_ms", "beat_at_ms", "queued_at_ms", "started_at_ms", "created_at_ms", "deadline_at_ms")
SCHEDULES = (keys.LEASES, keys.DEADLINES, keys.DELAYED, keys.DONE)


def shift_stored_times(store: JobStore, by_ms: int) -> None:
    for name in SCHEDULES:
        for member, score in store.redis.zrange(name, 0, -1, withscores=True):
            store.redis.zadd(name, {member: score + by_ms}, xx=True)
    for job_id in store.redis.zrange(keys.ALL_JOBS, 0, -1):
        job = keys.job(job_id.decode())
        for field, value in zip(TIMES, store.redis.hmget(job, TIMES), strict=True):
            if value and int(value):
                store.redis.hset(job, field, int(value) + by_ms)


def test_a_clock_that_jumps_forward_ends_every_job_once(rig):
    ids = [*rig.occupy(seconds=2), *(rig.generate(seed=seed)["id"] for seed in range(3))]

    shift_stored_times(rig.store, -HOUR_MS)

    ended = rig.finish_all(ids)
    assert {job["state"] for job in ended} == {"succeeded"}
    assert [len(job["result"]["images"]) for job in ended] == [job["params"]["n"] for job in ended]
    rig.one_more_good_answer()


def test_a_clock_that_jumps_back_freezes_no_lease(rig):
    job = rig.long_job()
    stopped = [rig.main_of(job["worker"]), rig.child_of(job["worker"])]
    for process in stopped:
        process.suspend()

    shift_stored_times(rig.store, HOUR_MS)

    done = rig.finish(job["id"])
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    for process in stopped:
        process.resume()
    rig.one_more_good_answer()
