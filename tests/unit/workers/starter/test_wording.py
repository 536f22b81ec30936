"""Prompts as people write them: whatever a prompt leaves out is settled, so it has one layout."""

import random
import re

import pytest

from workers.starter.truth import PLURALS
from workers.starter.usual import (
    USUAL_COLOURS,
    USUAL_PLACES,
    places_of,
    plain_scene,
    scene_to_ask,
    usual_ground,
    usual_size,
)
from workers.starter.wording import MORE_GROUNDS, MORE_SKIES, STRANGERS, word_kin, wording
from workers.starter.world import COLOURS, GROUNDS, KINDS, SKIES, Scene, is_held_out


@pytest.fixture(scope="module")
def told() -> list[tuple[Scene, str]]:
    return [(scene := scene_to_ask(seed), wording(scene, random.Random(seed))) for seed in range(2000)]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text))


def test_a_prompt_without_a_place_means_the_usual_places(told):
    bare = [scene for scene, text in told if not words(text) & {"left", "middle", "right", "centre", "center"}]

    assert len(bare) > 1000
    assert all(places_of(scene) == USUAL_PLACES[len(scene.things)] for scene in bare)


def test_a_prompt_without_a_size_means_the_usual_size(told):
    bare = [scene for scene, text in told if not words(text) & {"small", "little", "tiny", "big", "large", "huge"}]

    assert len(bare) > 800
    assert all(thing.size == usual_size(places_of(scene)) for scene in bare for thing in scene.things)


def test_a_prompt_without_a_sky_means_day(told):
    dark = ("dusk", "sunset", "sundown", "evening", "night", "moon", "star", "rain", "gr[ea]y sky")
    bare = [scene for scene, text in told if not re.search("|".join(dark), text)]

    assert len(bare) > 800
    assert {scene.sky for scene in bare} == {"day"}


def test_a_prompt_without_a_ground_means_meadow_or_for_what_swims_the_sea():
    for seed in range(500):
        scene = scene_to_ask(seed, count=1)
        text = wording(scene, random.Random(seed))
        named = any(word in text for word in ("sand", "beach", "desert", "snow", "winter", "sea", "water", "ocean"))
        if not named and scene.ground != "meadow":
            assert scene.ground == usual_ground((scene.things[0].kind,)) == "sea"


def test_a_prompt_without_a_colour_means_the_kinds_own(told):
    for scene, text in told:
        for thing in scene.things:
            if not words(text) & (set(COLOURS) | {"gray", "violet", "teal"}):
                assert thing.colour == USUAL_COLOURS[thing.kind]


def test_several_of_a_sort_are_counted_and_things_stand_in_the_order_they_are_named():
    alike = plain_scene(3, "train", 2, alike=True)
    other = next(plain_scene(seed, "train", 2, alike=False) for seed in range(9))
    kind, (first, second) = PLURALS[alike.things[0].kind], (thing.kind for thing in other.things)
    texts = [wording(alike, random.Random(seed), strangers=False) for seed in range(80)]
    pairs = [wording(other, random.Random(seed), strangers=False) for seed in range(80)]

    assert any(f"two {alike.things[0].colour} {kind}" in text for text in texts)
    plain = [text for text in pairs if first in text and second in text and not words(text) & {"left", "right"}]
    assert len(plain) > 10
    assert all(text.index(first) < text.index(second) for text in plain)


def test_words_that_the_world_has_not_stand_for_nothing(told):
    strange = [scene for scene, text in told if re.fullmatch(rf"an? ({'|'.join(STRANGERS)})", text)]

    assert strange
    assert not any(scene.things for scene in strange)


def test_no_stranger_is_a_word_of_the_world():
    known = {
        word
        for tables in (MORE_GROUNDS, MORE_SKIES)
        for texts in tables.values()
        for text in texts
        for word in words(text)
    }
    named = {*KINDS, *COLOURS, *GROUNDS, *SKIES, *PLURALS.values(), *word_kin(), *known}

    assert not named & set(STRANGERS)


def test_no_training_card_holds_a_held_out_combination_and_a_held_out_card_nothing_else():
    for seed in range(400):
        for split in ("train", "held-out"):
            scene = scene_to_ask(seed, split)
            assert all(is_held_out(t.colour, t.kind, scene.ground) == (split == "held-out") for t in scene.things)


def test_a_kinds_own_colour_may_be_trained_on_its_usual_ground():
    assert not [kind for kind in KINDS if is_held_out(USUAL_COLOURS[kind], kind, usual_ground((kind,)))]
