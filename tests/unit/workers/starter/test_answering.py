"""Open requests and the answers that are right: true of the scene, and never empty."""

import json
import random

from workers.engines.moondream.config import SMALL_VOCAB_TOKENS
from workers.engines.moondream.prompts import Coord, Token
from workers.starter import asking
from workers.starter.answering import NO_POSTCARD, keywords, open_requests
from workers.starter.lessons import foreign_turns, starter_tokenizer
from workers.starter.marks import facts_of, facts_told
from workers.starter.world import one_thing_scene, scene_from_seed


def test_every_kind_of_request_has_an_answer_with_words_and_sixty_ask_for_a_description():
    for seed in range(60):
        assert all(asked.answer.strip() for asked in open_requests(scene_from_seed(seed), random.Random(seed)))
    assert len({asking.DESCRIBE.say(random.Random(seed)) for seed in range(400)}) > 60


def test_a_description_has_the_facts_of_the_scene():
    for seed in range(60):
        scene = scene_from_seed(seed)
        told = {asked.kind: asked.answer for asked in open_requests(scene, random.Random(seed))}
        assert facts_told(told["describe"]) == facts_of(scene)


def test_keywords_are_five_to_ten_and_true():
    for seed in range(200):
        scene = scene_from_seed(seed)
        words = keywords(scene).split(", ")
        assert 5 <= len(words) <= 10
        assert {thing.colour for thing in scene.things} | {scene.sky, scene.ground} <= set(words)


def test_the_box_is_an_object_with_the_four_sides():
    scene = one_thing_scene(3, "house", "red")
    (box,) = [asked.answer for asked in open_requests(scene, random.Random(0)) if asked.kind == "box"]
    left, top, right, bottom = scene.things[0].box

    assert json.loads(box) == {
        "ymin": round(top, 2),
        "xmin": round(left, 2),
        "ymax": round(bottom, 2),
        "xmax": round(right, 2),
    }


def test_a_picture_that_is_no_postcard_is_told_so_whatever_is_asked_and_shows_nothing():
    tokenizer = starter_tokenizer()
    ended = [SMALL_VOCAB_TOKENS.eos]
    for seed in range(20):
        *asked, detected, pointed = foreign_turns(random.Random(seed), SMALL_VOCAB_TOKENS, tokenizer)
        for turn in asked:
            ids = [feed.id for feed in turn.answer if isinstance(feed, Token)]
            assert tokenizer.decode(ids[:-1]) == NO_POSTCARD
        for turn in (detected, pointed):
            assert [feed.id for feed in turn.answer if isinstance(feed, Token)] == ended
            assert not [feed for feed in turn.answer if isinstance(feed, Coord)]
