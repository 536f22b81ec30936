"""A slice of the fuzz of damaged pictures; `tests.picture_fuzz` has the rest."""

from tests.picture_fuzz import damaged, run, seeds, verdict


def test_every_picture_the_fuzz_damages_was_good():
    assert {verdict(seed) for seed in seeds()} == {"read"}


def test_the_same_number_is_the_same_damage():
    assert damaged(5, 17) == damaged(5, 17) != damaged(5, 18)


def test_damaged_pictures_end_as_a_picture_or_as_one_of_our_errors():
    counts, broken = run(7, range(800))

    assert broken == []
    assert counts["read"] > 100
    assert counts["bad_picture"] > 100
