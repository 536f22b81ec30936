"""The second evaluation: its prompts are held out, its rule counts what is too much, and its judge is right."""

import re
from collections import Counter

from workers.starter.judge import Sighting, sightings
from workers.starter.paint import paint
from workers.starter.world import is_held_out
from workers.starter.written import shows_exactly, written_prompts


def seen(*sorts: tuple[str, str]) -> list[Sighting]:
    return [Sighting(kind, colour, "left", "big", 1.0) for colour, kind in sorts]


def test_everything_asked_for_and_nothing_else():
    wanted = [("red", "house"), ("", "cat")]

    assert shows_exactly(wanted, seen(("black", "cat"), ("red", "house")))
    assert not shows_exactly(wanted, seen(("red", "house")))
    assert not shows_exactly(wanted, seen(("red", "house"), ("red", "house"), ("black", "cat")))
    assert not shows_exactly(wanted, seen(("blue", "house"), ("black", "cat")))
    assert not shows_exactly([("red", "star")] * 2, seen(("red", "star")))
    assert not shows_exactly([("red", "star")], seen(("red", "star"), ("red", "star")))


def test_a_thing_of_any_colour_leaves_the_named_colour_to_the_other():
    assert shows_exactly([("", "ball"), ("red", "ball")], seen(("red", "ball"), ("blue", "ball")))


def test_the_prompts_are_the_same_for_ever_and_name_no_place_and_no_size():
    prompts = written_prompts(100)

    assert prompts == written_prompts(100)
    assert Counter(each.group for each in prompts) == {"one": 40, "two": 30, "counted": 30}
    assert not [each for each in prompts if re.search(r"\b(left|right|middle|small|big)\b", each.text)]


def test_what_is_asked_for_with_a_colour_is_held_out():
    for each in written_prompts(200):
        assert all(is_held_out(colour, kind, each.card.ground) for colour, kind in each.wanted if colour)


def test_the_judge_finds_true_cards_of_these_prompts_right():
    prompts = written_prompts(300)[::12]

    assert sum(shows_exactly(each.wanted, sightings(paint(each.card))) for each in prompts) >= len(prompts) - 1
