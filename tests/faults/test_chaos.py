"""A hundred kills under a mixed load, and the ledger after it (`make chaos` runs other seeds and more kills)."""

import pytest

from tests.faults.chaos import run

KILLS, SEED, WORKERS = 100, 20, 3


@pytest.mark.timeout(900)
def test_after_a_hundred_random_kills_every_accepted_job_ended_exactly_once(tmp_path, capsys):
    outcome = run(KILLS, SEED, WORKERS, tmp_path)

    with capsys.disabled():
        print(f"\n{outcome}")
    assert outcome.violations == []
    assert outcome.kills >= KILLS
    assert outcome.fates["succeeded"] > 0
