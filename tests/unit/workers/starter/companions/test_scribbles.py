"""Drawings as people make them: strokes at the thing's place, never twice alike."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from workers.starter.companions.scribble import prompt_of
from workers.starter.companions.scribbles import scene_to_draw, scribble, strokes_of
from workers.starter.judge import sighting_at
from workers.starter.paint import paint
from workers.starter.world import KINDS, SIDE_PX, Scene, is_held_out


def ink_of(scene: Scene, seed: int) -> np.ndarray:
    return np.asarray(scribble(scene, random.Random(seed)))[..., 0] < 128


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_strokes_and_one_that_no_drawing_lacks(kind: str):
    assert any(outer for _, outer in strokes_of(kind))


def test_a_drawing_is_black_on_white_and_lies_on_its_thing():
    for seed in range(20):
        scene = scene_to_draw(seed, count=1)
        rows, columns = np.nonzero(ink_of(scene, 3 + seed))
        left, top, right, bottom = (share * SIDE_PX for share in scene.things[0].box)
        near = (columns > left - 10) & (columns < right + 10) & (rows > top - 10) & (rows < bottom + 10)

        assert 0.003 < len(rows) / SIDE_PX**2 < 0.3
        assert near.mean() > 0.6  # the rest is a horizon, now and then


def test_the_same_card_is_drawn_differently_each_time_and_the_same_for_the_same_chance():
    scene = scene_to_draw(1, count=1)

    assert (ink_of(scene, 5) == ink_of(scene, 5)).all()
    assert (ink_of(scene, 5) != ink_of(scene, 6)).any()


def test_things_to_draw_stay_on_the_card_and_apart():
    for seed in range(150):
        boxes = [thing.box for thing in scene_to_draw(seed).things]

        assert all(box[0] >= -0.01 and box[2] <= 1.01 and box[1] >= 0 and box[3] <= 1 for box in boxes)
        assert all(a[2] <= b[0] + 0.02 for a, b in pairwise(boxes))


def test_held_out_drawings_show_held_out_combinations_only():
    things = [(t, s.ground) for s in (scene_to_draw(seed, "held-out") for seed in range(40)) for t in s.things]

    assert all(is_held_out(thing.colour, thing.kind, ground) for thing, ground in things)


def test_the_prompt_knows_nothing_of_where_and_how_large_things_were_drawn():
    for seed in range(30):
        scene = scene_to_draw(seed)
        moved = replace(scene, things=tuple(replace(t, centre=(0.5, 0.5), half_width=0.2) for t in scene.things))

        assert prompt_of(scene, random.Random(seed)) == prompt_of(moved, random.Random(seed))


def test_the_judge_names_true_things_wherever_they_stand():
    right = []
    for seed in range(24):
        scene = scene_to_draw(seed, "held-out")
        found = [(thing, sighting_at(paint(scene), thing)) for thing in scene.things]
        right += [seen is not None and (seen.kind, seen.colour) == (thing.kind, thing.colour) for thing, seen in found]

    assert sum(right) >= len(right) - 1
