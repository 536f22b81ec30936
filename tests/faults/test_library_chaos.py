"""API, workers, Valkey and the database are killed while people work: the library keeps what it acknowledged.

`make library-chaos` runs other seeds and 2,000 jobs.
"""

import pytest

from tests.faults.library_chaos import Outcome, run

JOBS, SEED, KILLS = 40, 3, 6


def is_in_order(outcome: Outcome) -> None:
    assert outcome.violations == []
    assert outcome.kills.total() >= KILLS
    assert outcome.assets > JOBS // 2
    assert outcome.edits > 5
    assert outcome.uploads > 5


@pytest.mark.timeout(300)
def test_after_kills_at_random_no_asset_is_lost_or_doubled_and_every_edit_is_there(tmp_path, capsys):
    outcome = run(JOBS, SEED, tmp_path, least_kills=KILLS)

    with capsys.disabled():
        print(f"\n{outcome}")
    is_in_order(outcome)


@pytest.mark.timeout(300)
def test_the_same_holds_where_postgresql_is_killed_too(tmp_path, capsys, postgresql):
    outcome = run(JOBS, SEED, tmp_path, postgresql, least_kills=KILLS)

    with capsys.disabled():
        print(f"\n{outcome}")
    is_in_order(outcome)
    assert outcome.kills["postgresql"] > 0
