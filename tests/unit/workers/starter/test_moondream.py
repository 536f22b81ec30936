"""The packed lessons of the starter vision model: turns that share a picture must not see one another."""

import random

import pytest
import torch

from workers.engines.moondream.config import SMALL_VOCAB_TOKENS
from workers.engines.moondream.prompts import Token
from workers.engines.moondream.tasks import TAGS_QUESTION
from workers.engines.moondream.training import losses
from workers.starter.lessons import pack, starter_tokenizer, tags_answer, things_named, turns_of
from workers.starter.moondream import MoondreamTrainee, packed_losses
from workers.starter.pictures import scenes_of_step
from workers.starter.world import scene_from_seed


@pytest.fixture(scope="module")
def trainee() -> MoondreamTrainee:
    torch.set_num_threads(1)
    return MoondreamTrainee()


def test_a_packed_turn_is_judged_as_if_it_were_alone(trainee: MoondreamTrainee):
    scene = scene_from_seed(2, count=2)
    tokens = trainee.network.config.tokens
    turns = turns_of(scene, random.Random(0), tokens, trainee.tokenizer)
    pixels = trainee.lessons([scene], random.Random(0)).batch.pixels
    alone = pack(pixels, [[turns[-1]]], tokens)

    with torch.no_grad():
        picture = trainee.network.vision.tokens_of_one_crop(pixels)
        native = losses(trainee.network, alone.batch)
        first = packed_losses(trainee.network, pack(pixels, [[turns[-1]]], tokens), picture)
        among = packed_losses(trainee.network, pack(pixels, [[turns[0], turns[-1]]], tokens), picture)
        other = packed_losses(trainee.network, pack(pixels, [[turns[1], turns[-1]]], tokens), picture)

    assert torch.isclose(native.words, first.words, atol=1e-5)
    assert torch.isclose(native.coords, first.coords, atol=1e-5)
    assert torch.isclose(among.coords, first.coords, atol=1e-5)
    assert torch.isclose(among.coords, other.coords, atol=1e-5)


def test_every_picture_has_one_row_and_padding_is_never_counted(trainee: MoondreamTrainee):
    lessons = trainee.lessons(scenes_of_step(5, 3), random.Random(1))

    assert lessons.batch.ids.shape[0] == 3
    assert not lessons.batch.counted[lessons.turn < 0].any()


def test_a_name_means_the_things_of_that_kind_or_of_that_colour_and_kind():
    scene = scene_from_seed(2, count=2)
    thing = scene.things[0]

    assert thing in things_named(scene, thing.kind)
    assert thing in things_named(scene, f"{thing.colour} {thing.kind}")
    assert things_named(scene, "zebra") == []


def test_the_question_for_tags_is_taught_with_the_words_that_the_service_asks():
    tokenizer = starter_tokenizer()
    scene = scene_from_seed(2, count=1)
    rows = [turns_of(scene, random.Random(seed), SMALL_VOCAB_TOKENS, tokenizer) for seed in range(60)]
    texts = [
        tokenizer.decode([feed.id for feed in turn.prompt + turn.answer if isinstance(feed, Token)])
        for row in rows
        for turn in row
    ]

    asked = [text for text in texts if text.startswith(TAGS_QUESTION)]
    assert asked
    assert all(tags_answer(scene) in text for text in asked)
    assert len(asked) < len(rows) / 3
