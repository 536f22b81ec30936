"""How many samples a pass may hold, and which passes are measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.execution.stepping.pace import (
    ALONE_AGAIN_AFTER,
    MEASURE_EVERY,
    MOST_KEYS,
    MOST_ROWS,
    SETTLED,
    TRY_AGAIN_AFTER,
    Pace,
)


class CountedKey:
    """A key that counts how often it was held against another, or looked up."""

    def __init__(self, name: str, counts: list[str]) -> None:
        self._name, self._counts = name, counts

    def __eq__(self, other: object) -> bool:
        self._counts.append(self._name)
        return isinstance(other, CountedKey) and self._name == other._name

    def __hash__(self) -> int:
        self._counts.append(self._name)
        return hash(self._name)


@pytest.fixture
def pace() -> Pace:
    return Pace(slower=2.5)


def measured(pace: Pace, rows: int, took_s: float, key="64", times: int = SETTLED) -> None:
    for _ in range(times):
        pace.learn(key, rows, took_s)


def passes(pace: Pace, many: int, key="64", rows: int = 1) -> list[bool]:
    """Which of so many passes were measured; one that was is learned."""
    found = []
    for _ in range(many):
        found.append(pace.wants(key, rows))
        if found[-1]:
            pace.learn(key, rows, 0.1)
    return found


def test_the_first_passes_of_a_kind_are_measured_and_then_one_in_a_while(pace):
    found = passes(pace, SETTLED + 2 * MEASURE_EVERY)

    at = [number for number, is_measured in enumerate(found) if is_measured]
    assert at == [0, 1, SETTLED + MEASURE_EVERY - 1, SETTLED + 2 * MEASURE_EVERY - 1]


def led(pace: Pace, many: int, waiting: int, a_row_s: float = 0.1, alone: int = 1) -> list[int]:
    """Rows of so many passes, with so many rows always there to share them; those that were to be measured are learned."""
    found = []
    for _ in range(many):
        found.append(max(alone, min(waiting, pace.most_rows("64", alone))))
        if pace.wants("64", found[-1]):
            pace.learn("64", found[-1], a_row_s * found[-1])
    return found


def test_each_number_of_rows_and_each_key_is_measured_for_itself(pace):
    passes(pace, 5)

    assert not pace.wants("64", 1)
    assert pace.wants("64", 2)
    assert pace.wants("72", 1)


def test_a_pass_that_was_to_be_measured_and_broke_off_is_measured_the_next_time(pace):
    passes(pace, SETTLED + MEASURE_EVERY - 1)

    assert pace.wants("64", 1)  # it runs out of memory: nothing is learned
    assert pace.wants("64", 1)


def test_a_sample_has_no_company_before_it_was_measured_alone(pace):
    assert pace.most_rows("64", 1) == 1
    pace.learn("64", 1, 0.1)
    assert pace.most_rows("64", 1) == 1
    pace.learn("64", 1, 0.1)
    assert pace.most_rows("64", 1) == 2


def test_the_first_measurement_is_forgotten_for_memory_was_allocated_in_it(pace):
    measured(pace, 2, 0.2)

    pace.learn("64", 1, 9.0)
    pace.learn("64", 1, 0.1)

    assert pace.most_rows("64", 1) == 2  # 3 rows would be 0.3


def test_the_second_measurement_is_forgotten_where_a_graph_was_written_in_it(pace):
    measured(pace, 2, 0.2)

    pace.learn("64", 1, 0.1)
    pace.learn("64", 1, 9.0)

    assert pace.most_rows("64", 1) == 2


def test_later_measurements_count_a_little(pace):
    measured(pace, 1, 0.1)
    measured(pace, 2, 0.2)

    pace.learn("64", 1, 0.2)

    assert pace.most_rows("64", 1) == 3  # 0.13 alone: 3 rows are within 0.325, 4 would be 0.4


@pytest.mark.parametrize("alone", [1, 2])
def test_a_step_whose_company_never_ends_is_measured_alone_again(pace, alone):
    measured(pace, alone, 9.0)  # both in a bad moment

    found = led(pace, 3 * ALONE_AGAIN_AFTER, waiting=8, alone=alone)

    before, after = found[:ALONE_AGAIN_AFTER], found[ALONE_AGAIN_AFTER:]
    assert max(before) == 8
    assert min(before) > alone
    assert after[:SETTLED] == [alone] * SETTLED
    assert max(after) == int(2.5 * alone)


def test_measuring_alone_again_costs_company_less_than_one_pass_in_a_hundred(pace):
    measured(pace, 1, 0.1)

    found = led(pace, 10_000, waiting=2)

    assert set(found) == {1, 2}
    assert found.count(1) < 100


def test_who_is_alone_now_and_then_is_not_kept_alone_to_be_measured(pace):
    measured(pace, 1, 0.1)

    found = []
    for _ in range(2 * ALONE_AGAIN_AFTER // MEASURE_EVERY):
        led(pace, 1, waiting=1)
        found += led(pace, MEASURE_EVERY, waiting=2)

    assert set(found) == {2}


def test_a_pass_alone_that_broke_off_is_made_alone_the_next_time(pace):
    measured(pace, 1, 0.1)
    led(pace, ALONE_AGAIN_AFTER, waiting=2)

    for _ in range(3):  # they run out of memory: nothing is learned
        assert pace.most_rows("64", 1) == 1
        assert pace.wants("64", 1)
    assert led(pace, SETTLED + 1, waiting=2) == [1] * SETTLED + [2]


def test_what_was_not_measured_is_taken_for_proportional_to_its_rows(pace):
    measured(pace, 2, 0.2)

    assert pace.most_rows("64", 2) == 5


def test_rows_that_cost_little_are_found_out_as_they_are_measured(pace):
    measured(pace, 1, 0.1)
    measured(pace, 2, 0.11)

    assert pace.most_rows("64", 1) == 4  # 0.11 × 4 / 2 is within 0.25, 5 rows would be 0.275


def test_a_first_pass_that_was_slow_for_its_own_reasons_forbids_nothing(pace):
    measured(pace, 2, 0.2)
    pace.learn("64", 4, 9.0)

    assert pace.most_rows("64", 2) == 5
    pace.learn("64", 4, 0.3)
    assert pace.most_rows("64", 2) == 6


def test_what_was_too_slow_in_a_bad_moment_is_tried_again(pace):
    measured(pace, 2, 0.2)
    measured(pace, 3, 9.0)
    measured(pace, 4, 0.3)

    asked = [pace.most_rows("64", 2) for _ in range(TRY_AGAIN_AFTER + 1)]

    assert asked == [2] * TRY_AGAIN_AFTER + [6]
    measured(pace, 3, 9.0)
    assert pace.most_rows("64", 2) == 2


def test_a_guided_leader_is_held_against_its_own_two_rows(pace):
    measured(pace, 1, 0.1)

    assert pace.most_rows("64", 2) == 2


def test_who_may_not_become_slower_stays_alone():
    strict = Pace(slower=1.0)
    measured(strict, 1, 0.1)

    assert strict.most_rows("64", 1) == 1


def test_passes_that_take_no_time_have_an_end(pace):
    measured(pace, 1, 0.0)

    assert pace.most_rows("64", 1) == MOST_ROWS


def test_what_a_pass_costs_does_not_grow_with_the_keys_that_were_measured(pace):
    counts: list[str] = []
    keys = [CountedKey(str(n), counts) for n in range(100)]
    for key in keys:
        measured(pace, 1, 0.1, key)
    counts.clear()

    pace.most_rows(keys[0], 1)
    pace.wants(keys[0], 2)
    pace.learn(keys[0], 2, 0.2)

    assert set(counts) == {"0"}
    assert len(counts) < 20


def test_the_key_that_was_unused_the_longest_is_forgotten_and_measured_alone_again(pace):
    for n in range(MOST_KEYS + 1):
        measured(pace, 1, 0.1, key=n)

    assert [pace.most_rows(n, 1) for n in range(1, MOST_KEYS + 1)] == [2] * MOST_KEYS
    assert pace.wants(0, 1)
    assert pace.most_rows(0, 1) == 1


@pytest.mark.parametrize("use", [Pace.wants, Pace.most_rows])
def test_a_key_whose_passes_are_not_measured_now_is_in_use_too(pace, use):
    for n in range(MOST_KEYS):
        measured(pace, 1, 0.1, key=n)

    use(pace, 0, 1)

    measured(pace, 1, 0.1, key="new")
    assert (pace.most_rows(0, 1), pace.most_rows(1, 1)) == (2, 1)


def test_what_memory_refused_is_remembered_however_many_keys_come_after(pace):
    pace.halve("64", 8)

    for n in range(2 * MOST_KEYS):
        measured(pace, 1, 0.1, key=n)

    assert pace.most_samples("64", 8) == 4


def test_whoever_does_not_lead_has_a_bound_of_its_own_once_it_was_measured_alone(pace):
    measured(pace, 2, 0.2)

    assert pace.most_rows_beside("64", 1) == 256
    assert pace.most_rows_beside("72", 1) == 256
    measured(pace, 1, 0.1)
    assert pace.most_rows_beside("64", 1) == 2


def test_memory_that_ran_out_halves_the_seats_of_that_key_alone_and_never_below_one(pace):
    pace.halve("64", 5)

    assert (pace.most_samples("64", 8), pace.most_samples("72", 8)) == (2, 8)
    pace.halve("64", 1)
    assert pace.most_samples("64", 8) == 1


def test_seats_are_never_more_than_usual(pace):
    pace.halve("64", 16)

    assert pace.most_samples("64", 4) == 4


@given(
    st.dictionaries(st.integers(1, 12), st.floats(0.001, 9.0), max_size=6),
    st.integers(1, 2),
    st.floats(1.0, 5.0),
)
def test_the_pass_it_allows_is_within_the_bound_or_has_the_leader_alone(times, alone, slower):
    pace = Pace(slower)
    for rows, took_s in times.items():
        measured(pace, rows, took_s)

    most = pace.most_rows("64", alone)

    assert alone <= most <= MOST_ROWS
    if most > alone:
        measured_rows = max(rows for rows in times if rows <= most)
        expected_s = times[measured_rows] * most / measured_rows
        assert expected_s <= slower * times[alone] * (1 + 1e-9)
    if alone not in times:
        assert most == alone
