"""Who is fed next."""

from workers.batches.fair_share import Load, interleaved, turns, window_for


def load(batch, caller="ann", waiting=1000, active=0):
    return Load(batch, caller, waiting, active)


def test_a_single_batch_gets_the_whole_window():
    assert turns([load("a")], 32) == {"a": 32}


def test_what_is_under_way_counts():
    assert turns([load("a", active=30)], 32) == {"a": 2}
    assert turns([load("a", active=40)], 32) == {}


def test_no_batch_gets_more_than_it_has():
    assert turns([load("a", waiting=3)], 32) == {"a": 3}


def test_everybody_has_a_window_whatever_number_of_batches_others_have():
    fed = turns([load("a1"), load("a2"), load("a3"), load("b", caller="bob")], 32)

    assert fed["b"] == 32
    assert fed["a1"] + fed["a2"] + fed["a3"] == 32


def test_a_newcomers_window_is_whole_though_another_fills_theirs():
    assert turns([load("a", active=32), load("b", caller="bob")], 32) == {"b": 32}


def test_the_batch_with_the_fewest_under_way_comes_first():
    assert turns([load("a", active=10), load("b", active=2)], 20) == {"b": 8}


def test_a_person_whose_members_are_all_under_way_is_fed_nothing():
    assert turns([load("a"), load("b", caller="bob", waiting=0)], 32) == {"a": 32}


def test_nothing_to_do_is_nothing():
    assert turns([], 32) == {}


def test_the_window_grows_with_the_workers_and_their_batches():
    assert window_for(workers=0, max_batch=4, least=32) == 32
    assert window_for(workers=8, max_batch=8, least=32) == 256
    assert window_for(workers=8, max_batch=4, least=32, max_analysis_batch=16) == 256


def test_rows_of_different_lengths_take_turns():
    assert interleaved([[1, 2, 3], [10], [20, 21]]) == [1, 10, 20, 2, 21, 3]
