"""Which jobs a worker holds in vain: asked of the real store without a word of theirs."""

from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs import lifecycle
from shared.jobs.unwanted import unwanted
from shared.redis import keys


def claimed(services) -> JobRecord:
    record = JobRecord(id=new_job_id(), kind="unload", model="m", state=State.QUEUED, params={"model": "m"}, queue="q")
    services.store.create(record)
    return services.store.move(record.id, lambda job, now: lifecycle.claim(job, now, worker="w", gpu="G", token="pen"))


def test_a_job_that_runs_with_our_pen_is_wanted_and_its_record_as_it_was(services):
    before = services.store.get(claimed(services).id)

    assert unwanted(services.store.redis, {before.id: "pen"}) == frozenset()
    assert services.store.get(before.id) == before


def test_one_that_is_to_be_cancelled_is_overdue_or_no_longer_ours_is_not(services):
    wanted, cancelled, late, lost, gone = (claimed(services) for _ in range(5))
    services.store.move(cancelled.id, lifecycle.cancel)
    services.store.redis.hset(keys.job(late.id), "deadline_at_ms", services.store.now_ms() - 1)
    services.store.move(lost.id, lambda job, now: lifecycle.lose(job, now, reason="died", token="pen"))
    services.store.redis.delete(keys.job(gone.id))

    held = {job.id: "pen" for job in (wanted, cancelled, late, lost, gone)}

    assert unwanted(services.store.redis, held) == {cancelled.id, late.id, lost.id, gone.id}
    assert unwanted(services.store.redis, {wanted.id: "another pen"}) == {wanted.id}
    assert unwanted(services.store.redis, {}) == frozenset()
