"""Who takes the next step."""

from hypothesis import given
from hypothesis import strategies as st

from workers.execution.stepping.seats import Room, Seated, next_pass

NORMAL, LOW, HIGH = 1, 2, 0
MAX_WAIT_S = 3.0
WIDE = Room(samples=99)


def sample(order: int, *, key="64", level: int = NORMAL, rows: int = 1, waited_s: float = 0.0) -> Seated:
    return Seated(key, rows, level, order, waited_s)


def chosen(*seated: Seated, previous=None, room: Room = WIDE, max_wait_s: float = MAX_WAIT_S) -> list[int]:
    """By their orders."""
    return [seated[place].order for place in next_pass(seated, previous, lambda lead: room, max_wait_s)]


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
    assert chosen(sample(1, rows=2), sample(2), room=Room(samples=0, rows=1)) == [1]


def test_rows_are_counted_and_not_samples():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=2))

    assert chosen(*seated, room=Room(samples=9, rows=4)) == [1, 2]


def test_a_row_that_is_too_little_for_the_next_one_goes_to_nobody_less_urgent():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=1, level=LOW))

    assert chosen(*seated, room=Room(samples=9, rows=3)) == [1]


def test_a_row_that_is_too_little_for_the_next_one_goes_to_whom_it_is_enough_for():
    seated = (sample(1, rows=2), sample(2, rows=2), sample(3, rows=1))

    assert chosen(*seated, room=Room(samples=9, rows=3)) == [1, 3]
    assert chosen(*seated, room=Room(samples=9, rows=4)) == [1, 2]


def test_the_room_asked_for_is_that_of_the_leader():
    seated, asked = [sample(1, key="72"), sample(2, key="64", level=HIGH)], []

    next_pass(seated, None, lambda lead: asked.append(lead) or WIDE, MAX_WAIT_S)

    assert asked == [seated[1]]


def test_with_no_patience_at_all_whoever_waited_longest_leads():
    assert chosen(sample(1, waited_s=0.1), sample(2, key="72", waited_s=0.2), previous="64", max_wait_s=0.0) == [2]


SEATED = st.builds(
    Seated,
    key=st.sampled_from("abc"),
    rows=st.integers(1, 2),
    level=st.integers(0, 2),
    order=st.integers(0, 40),
    waited_s=st.floats(0, 9),
)


@given(
    st.lists(SEATED, min_size=1, max_size=9, unique_by=lambda one: one.order),
    st.sampled_from("abcd"),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(1, 8)),
)
def test_a_pass_is_of_one_key_within_its_room_and_no_more_urgent_one_is_left_out(seated, previous, samples, rows):
    places = next_pass(seated, previous, lambda lead: Room(samples, rows), MAX_WAIT_S)

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
