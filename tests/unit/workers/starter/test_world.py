"""The postcard world: the same seed is the same card, and what is told about it is what is painted."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from workers.starter import truth
from workers.starter.paint import paint, thing_mask
from workers.starter.phrasing import rephrased_questions
from workers.starter.world import (
    COLOURS,
    EXTENT,
    GROUNDS,
    KINDS,
    SIDE_PX,
    Scene,
    is_held_out,
    one_thing_scene,
    scene_from_seed,
)


def test_a_seed_is_the_same_picture_and_the_same_words_for_ever():
    first, again = scene_from_seed(11), scene_from_seed(11)

    assert first == again
    assert paint(first).tobytes() == paint(again).tobytes()
    assert truth.prompt(first, random.Random(3)) == truth.prompt(again, random.Random(3))


def test_training_never_shows_a_held_out_combination_and_the_held_out_split_nothing_else():
    train = [scene_from_seed(seed) for seed in range(2000)]
    kept = [scene_from_seed(seed, "held-out") for seed in range(300)]

    assert not any(is_held_out(thing.colour, thing.kind, scene.ground) for scene in train for thing in scene.things)
    assert all(is_held_out(thing.colour, thing.kind, scene.ground) for scene in kept for thing in scene.things)


def test_every_ground_every_colour_and_every_kind_has_training_and_held_out_combinations():
    held_out = [(c, k, g) for c in COLOURS for k in KINDS for g in GROUNDS if is_held_out(c, k, g)]

    assert 0.05 < len(held_out) / (len(COLOURS) * len(KINDS) * len(GROUNDS)) < 0.12
    assert {ground for _, _, ground in held_out} == set(GROUNDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_box_of_a_thing_is_the_box_of_its_pixels(kind: str):
    thing = one_thing_scene(5, kind, "red", size="big", place="middle").things[0]
    rows, columns = np.nonzero(np.asarray(thing_mask(thing)))
    painted = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)

    assert np.allclose(painted, [share * SIDE_PX for share in thing.box], atol=2.5)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_middle_of_a_thing_has_the_colour_its_caption_names(colour: str):
    scene = one_thing_scene(8, "balloon", colour, style="flat", sky="day", ground="meadow")
    x, y = scene.things[0].centre
    pixel = np.array(paint(scene).getpixel((round(x * SIDE_PX), round(y * SIDE_PX))), float)
    nearest = min(COLOURS, key=lambda name: np.linalg.norm(pixel - COLOURS[name]))

    assert nearest == colour
    assert colour in truth.caption(scene, "short", random.Random(0))


def test_no_thing_is_under_a_fifth_of_the_picture_and_none_leaves_it():
    things = [thing for seed in range(500) for thing in scene_from_seed(seed).things]

    assert all(max(t.box[2] - t.box[0], t.box[3] - t.box[1]) >= 0.2 for t in things)
    assert all(t.box[0] >= 0 and t.box[2] <= 1 and t.box[1] >= 0 and t.box[3] <= 1 for t in things)


@pytest.mark.parametrize("ask", [truth.questions, rephrased_questions])
def test_the_answers_agree_with_the_scene(ask: Callable[[Scene, random.Random], list[truth.Question]]):
    for seed in range(200):
        scene = scene_from_seed(seed)
        for asked in ask(scene, random.Random(seed)):
            named = [t for t in scene.things if re.search(rf"\b({t.kind}|{truth.PLURALS[t.kind]})\b", asked.question)]
            if asked.kind == "colour":
                assert asked.answer == f"{named[0].colour.capitalize()}."
            elif asked.kind == "where":
                assert named[0].place in asked.answer.lower()
            elif asked.question.startswith(("How many things", "How many objects")):
                assert asked.answer == ("None.", "One.", "Two.", "Three.")[len(scene.things)]
            elif asked.kind == "count":
                assert asked.answer == ("None.", "One.", "Two.", "Three.")[len(named)]
            elif re.match(r"(Is there an?|Do you see an?|Can you see an?) \w+\?", asked.question):
                assert asked.answer == ("Yes." if named else "No.")
            elif match := re.match(r"Is the \w+ (\w+)\?", asked.question):
                assert asked.answer == ("Yes." if named[0].colour == match[1] else "No.")
            elif match := re.match(r"What is (?:on the|in the) (left|middle|right)\?", asked.question):
                kinds = [t.kind for t in scene.things if t.place == match[1]]
                assert (kinds[0] in asked.answer) if kinds else (asked.answer == "Nothing.")


def test_questions_are_the_same_in_every_process():
    code = (
        "import random; from workers.starter.phrasing import rephrased_questions as ask;"
        "from workers.starter.world import scene_from_seed as scene;"
        "print([ask(scene(seed), random.Random(seed)) for seed in range(60)])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": salt}, capture_output=True, check=True
        ).stdout
        for salt in ("1", "2", "3")
    }

    assert len(told) == 1


def test_the_lengths_of_a_caption_grow():
    scene = scene_from_seed(4, count=1)
    short, normal, long = (truth.caption(scene, length, random.Random(0)) for length in truth.LENGTHS)

    assert len(short) < len(normal) < len(long)
    assert EXTENT.keys() == set(KINDS)
