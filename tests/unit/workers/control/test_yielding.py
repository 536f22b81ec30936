"""Giving way to foreign programs, and coming back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workers.control.yielding import CALM_S, PATIENCE_S, SLACK_MIB, Stance, look, missing_mib


def after(looks: list[tuple[float, int]], stance: Stance | None = None) -> Stance:
    """The stance after looks of (second, missing MiB)."""
    now = stance or Stance()
    for at_s, missing in looks:
        now = look(now, missing, at_s)
    return now


def test_what_others_took_is_what_we_planned_with_and_neither_have_nor_hold():
    assert missing_mib(10_000, free_mib=2000, ours_mib=3000) == 5000
    assert missing_mib(10_000, free_mib=4000, ours_mib=8000) == 0


def test_a_silent_driver_says_nothing_is_missing():
    assert missing_mib(10_000, free_mib=None, ours_mib=0) == 0


def test_a_lasting_shortage_makes_the_worker_yield():
    assert after([(0, 4000), (PATIENCE_S, 4000)]).has_yielded


def test_a_short_one_does_not():
    assert not after([(0, 4000), (2, 4000), (4, 0), (6, 4000), (10, 4000)]).has_yielded


def test_noise_does_not():
    assert not after([(0, SLACK_MIB), (100, SLACK_MIB)]).has_yielded


def test_the_worker_comes_back_after_a_minute_of_calm():
    gone = Stance(has_yielded=True)

    assert after([(0, 0), (CALM_S - 1, 0)], gone).has_yielded
    assert not after([(0, 0), (CALM_S, 0)], gone).has_yielded


def test_a_guest_that_returns_meanwhile_starts_the_minute_afresh():
    gone = Stance(has_yielded=True)

    assert after([(0, 0), (50, 4000), (52, 0), (100, 0)], gone).has_yielded


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 5000)), max_size=200))
def test_it_never_changes_its_mind_faster_than_its_patience(looks):
    stance, now_s, changes = Stance(), 0.0, []
    for pause_s, missing in looks:
        now_s += pause_s
        before, stance = stance, look(stance, missing, now_s)
        if stance.has_yielded != before.has_yielded:
            changes.append(now_s)

    assert all(later - earlier >= PATIENCE_S for earlier, later in pairwise(changes))
