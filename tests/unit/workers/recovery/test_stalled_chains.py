"""Which step of a chain stands still."""

import pytest

from workers.recovery.stalled_chains import stands_still


@pytest.mark.parametrize(
    ("ended_ms", "is_still"),
    [(None, True), (0, False), (900, True), (1000, True), (1001, False)],
    ids=["its predecessor is not there", "lives", "ended long ago", "ended just long enough ago", "ended a moment ago"],
)
def test_a_step_stands_still_behind_one_that_is_gone_or_ended_some_time_ago(ended_ms, is_still):
    assert stands_still(ended_ms, latest_ms=1000) is is_still
