"""Who takes the next step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.execution.stepping.pace import SETTLED, Pace
from workers.execution.stepping.seats import OVERTAKES, Room, Seated, next_pass, overtakes

NORMAL, LOW, HIGH = 1, 2, 0
MAX_WAIT_S = 3.0
WIDE = Room(samples=99)


def sample(order: int, *, key="64", level: int = NORMAL, rows: int = 1, waited_s: float = 0.0, left: int = 1) -> Seated:
    return Seated(key, rows, level, order, waited_s, left)


def rows_for_all(most: int) -> dict[int, int]:
    """Quick enough for whoever is in it."""
    return {1: most, 2: most}


def chosen(
    *seated: Seated, previous=None, room: Room = WIDE, max_wait_s: float = MAX_WAIT_S, by_age: bool = False
) -> list[int]:
    """By their orders."""
    places = next_pass(seated, previous, lambda lead: room, max_wait_s, by_age=by_age)
    return [seated[place].order for place in places]


def test_nobody_takes_a_step_where_nobody_is():
    assert chosen() == []


def test_all_of_one_key_take_it_in_the_order_of_their_claims():
    assert chosen(sample(7), sample(2), sample(5)) == [2, 5, 7]


def test_the_key_of_the_last_pass_goes_on_before_older_ones():
    assert chosen(sample(1, key="72"), sample(2, key="64"), previous="64") == [2]


def test_who_waited_too_long_leads_though_the_last_pass_had_another_key():
    assert chosen(sample(1, key="64"), sample(2, key="72", waited_s=3.1), previous="64") == [2]


def test_exactly_the_longest_wait_is_not_too_long():
    assert chosen(sample(1, key="64"), sample(2, key="72", waited_s=MAX_WAIT_S), previous="64") == [1]


def test_of_two_who_waited_too_long_the_longer_leads():
    neglected = (sample(1, key="64", waited_s=4.0), sample(2, key="72", waited_s=5.0), sample(3, key="80"))

    assert chosen(*neglected, previous="80") == [2]


def test_a_more_urgent_one_leads_before_one_who_waited_too_long():
    assert chosen(sample(1, key="72", waited_s=60.0), sample(2, key="64", level=HIGH), previous="72") == [2]


def test_others_of_its_key_share_the_pass_of_an_urgent_one_whatever_their_level():
    assert chosen(sample(1, level=LOW), sample(2, level=HIGH), sample(3, key="72", level=HIGH)) == [1, 2]


def test_seats_go_by_level_before_order():
    seated = (sample(1, level=LOW), sample(2, level=NORMAL), sample(3, level=HIGH))

    assert chosen(*seated, room=Room(samples=2)) == [2, 3]


def test_the_leader_has_its_step_even_where_there_is_room_for_nobody():
    assert chosen(sample(1, rows=2), sample(2), room=Room(samples=0, rows=rows_for_all(1))) == [1]


def test_rows_are_counted_and_not_samples():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=2))

    assert chosen(*seated, room=Room(samples=9, rows=rows_for_all(4))) == [1, 2]


def test_a_row_that_is_too_little_for_the_next_one_goes_to_nobody_less_urgent():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=1, level=LOW))

    assert chosen(*seated, room=Room(samples=9, rows=rows_for_all(3))) == [1]


def test_a_row_that_is_too_little_for_the_next_one_goes_to_whom_it_is_enough_for():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=1))

    assert chosen(*seated, room=Room(samples=9, rows=rows_for_all(3))) == [1, 3]
    assert chosen(*seated, room=Room(samples=9, rows=rows_for_all(4))) == [1, 2]


def test_the_room_asked_for_is_that_of_the_leader():
    seated, asked = [sample(1, key="72"), sample(2, key="64", level=HIGH)], []

    next_pass(seated, None, lambda lead: asked.append(lead) or WIDE, MAX_WAIT_S)

    assert asked == [seated[1]]


def test_with_no_patience_at_all_whoever_waited_longest_leads():
    assert chosen(sample(1, waited_s=0.1), sample(2, key="72", waited_s=0.2), previous="64", max_wait_s=0.0) == [2]


def test_of_one_level_whoever_has_the_fewest_steps_left_goes_first_unless_it_goes_by_age():
    seated, two = (sample(1, left=50), sample(2, left=40), sample(3, left=4)), Room(samples=2)

    assert chosen(*seated, room=two) == [2, 3]
    assert chosen(*seated, room=two, by_age=True) == [1, 2]


def test_of_those_with_as_many_left_the_older_goes_first():
    assert chosen(sample(1, left=9), sample(2, left=9), sample(3, left=9), room=Room(samples=2)) == [1, 2]


def test_fewer_steps_go_before_neither_urgency_nor_the_key_at_hand_nor_a_long_wait():
    assert chosen(sample(1, left=50, level=HIGH), sample(2, left=4), room=Room(samples=1)) == [1]
    assert chosen(sample(1, left=50), sample(2, left=4, key="72"), previous="64") == [1]
    assert chosen(sample(1, left=50, waited_s=9.0), sample(2, left=4), room=Room(samples=1)) == [1]


def test_a_pass_stays_quick_for_each_who_is_in_it():
    seated = (sample(1, rows=2, left=9), sample(2, rows=1, left=9), sample(3, rows=2, left=9))

    assert chosen(*seated, room=Room(samples=9, rows={1: 2, 2: 5})) == [1, 3]
    assert chosen(*seated, room=Room(samples=9, rows={1: 3, 2: 5})) == [1, 2]


def test_who_goes_before_an_older_one_overtakes_it():
    seated = (sample(1), sample(2), sample(3, key="72"), sample(0, level=LOW))

    assert overtakes(seated, [1])
    assert not overtakes(seated, [0])
    assert not overtakes(seated, [0, 1])


def played(step_s, seats: int, others: int) -> float:
    """How many times as long as alone a job of four steps takes without guidance, beside some of fifty with it."""
    pace, overtaken, now_s = Pace(2.5), 0, 0.0
    for rows in (1, 2):
        for _ in range(SETTLED):
            pace.learn("64", rows, step_s(rows))
    jobs = [{"rows": 2, "left": 50, "order": order} for order in range(others)]
    quick = {"rows": 1, "left": 4, "order": others}
    jobs.append(quick)
    while quick["left"]:
        seated = [sample(job["order"], rows=job["rows"], left=job["left"]) for job in jobs]
        most = {own: pace.most_rows_beside("64", own) for own in (1, 2)}
        by_age = overtaken >= OVERTAKES
        places = next_pass(seated, "64", lambda lead, most=most: Room(seats, most), MAX_WAIT_S, by_age=by_age)
        overtaken = overtaken + 1 if not by_age and overtakes(seated, places) else 0
        rows = sum(jobs[place]["rows"] for place in places)
        now_s += step_s(rows)
        if pace.wants("64", rows):
            pace.learn("64", rows, step_s(rows))
        for place in places:
            jobs[place]["left"] -= 1
    return now_s / (4 * step_s(1))


@pytest.mark.parametrize(("seats", "others"), [(4, 3), (8, 7)])
@pytest.mark.parametrize("step_s", [lambda rows: 0.1 * rows, lambda rows: 0.08 + 0.02 * rows], ids=["by rows", "card"])
def test_a_job_of_four_steps_does_not_become_three_times_slower_beside_some_of_fifty(step_s, seats, others):
    assert played(step_s, seats, others) < 3


SEATED = st.builds(
    Seated,
    key=st.sampled_from("abc"),
    rows=st.integers(1, 2),
    level=st.integers(0, 2),
    order=st.integers(0, 40),
    waited_s=st.floats(0, 9),
    left=st.integers(1, 9),
)


@given(
    st.lists(SEATED, min_size=1, max_size=9, unique_by=lambda one: one.order),
    st.sampled_from("abcd"),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(1, 8)),
)
def test_a_pass_is_of_one_key_within_its_room_and_no_more_urgent_one_is_left_out(seated, previous, samples, rows):
    room = Room(samples, None if rows is None else rows_for_all(rows))
    places = next_pass(seated, previous, lambda lead: room, MAX_WAIT_S)

    inside = [seated[place] for place in places]
    [key] = {one.key for one in inside}
    outside = [one for place, one in enumerate(seated) if place not in places and one.key == key]
    assert len(places) == len(set(places)) <= max(1, samples)
    assert [one.order for one in inside] == sorted(one.order for one in inside)
    assert rows is None or len(inside) == 1 or sum(one.rows for one in inside) <= rows
    assert min(one.level for one in inside) == min(one.level for one in seated)
    lead = [one for one in inside if one.level == min(each.level for each in seated)]
    beside = [one for one in inside if one not in lead]
    assert all(one.level >= each.level for one in outside for each in beside)
