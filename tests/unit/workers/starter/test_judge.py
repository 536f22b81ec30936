"""The judge without a network and the marks it gives: right on true pictures, or its verdicts mean nothing."""

import random

import pytest

from workers.starter import truth
from workers.starter.judge import sightings
from workers.starter.marks import facts_of, facts_told, is_hit, mean_overlap, overlap, things_of, things_told
from workers.starter.paint import paint
from workers.starter.world import one_thing_scene, scene_from_seed


def test_the_judge_names_the_things_of_true_pictures():
    scenes = [scene_from_seed(seed, count=1 + seed % 2) for seed in range(900, 924)]
    right = 0
    for scene in scenes:
        seen = {(s.place, s.colour, s.kind) for s in sightings(paint(scene))}
        right += seen == {(t.place, t.colour, t.kind) for t in scene.things}

    assert right >= len(scenes) - 1


def test_the_judge_sees_nothing_on_an_empty_card():
    assert sightings(paint(scene_from_seed(1, count=0))) == []


def test_the_judge_tells_a_red_house_from_a_green_one():
    red, green = (one_thing_scene(3, "house", colour, ground="snow", sky="day") for colour in ("red", "green"))

    assert [s.colour for s in sightings(paint(red))] == ["red"]
    assert [s.colour for s in sightings(paint(green))] == ["green"]


@pytest.mark.parametrize("seed", range(30))
def test_a_true_caption_tells_every_fact_of_its_scene(seed: int):
    scene = scene_from_seed(seed)
    normal = truth.caption(scene, "normal", random.Random(seed))

    assert facts_told(normal) == facts_of(scene)
    assert things_told(normal) == things_of(scene.things)


def test_a_wrong_colour_costs_one_fact():
    scene = one_thing_scene(3, "house", "red")
    wrong = truth.caption(scene, "normal", random.Random(0)).replace("red", "blue")

    assert len(facts_of(scene) - facts_told(wrong)) == 1


def test_overlap_is_one_for_the_same_box_and_nought_for_strangers():
    box = (0.1, 0.1, 0.5, 0.5)

    assert overlap(box, box) == pytest.approx(1)
    assert overlap(box, (0.6, 0.6, 0.9, 0.9)) == 0
    assert overlap(box, (0.1, 0.1, 0.5, 0.3)) == pytest.approx(0.5)


def test_a_box_too_many_costs_as_much_as_one_too_few():
    box, other = (0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9)

    assert mean_overlap([box], [box, other]) == pytest.approx(0.5)
    assert mean_overlap([box, other], [box]) == pytest.approx(0.5)
    assert mean_overlap([], []) == 1
    assert is_hit(box, [(0.3, 0.3)])
    assert not is_hit(box, [(0.7, 0.3)])
