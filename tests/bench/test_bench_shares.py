"""The bench of a claim, small: it claims as often as it says, each time another person's job."""

from shared.jobs.store import JobStore
from shared.redis.client import connect
from shared.settings import Settings
from tests.bench.bench_shares import claim_ms


def test_each_claim_takes_one_job_of_whoever_is_next(redis_url):
    store = JobStore(connect(redis_url, 5), Settings(redis_url=redis_url))

    took = claim_ms(store, jobs=60, people=20, claims=20)

    running = list(store.held_by("w"))
    callers = {record.caller for record in store.get_many(running)}
    assert (len(running), len(callers)) == (20, 20)
    assert 0 < took["claim_p50_ms"] <= took["claim_p95_ms"]
