"""The starter tokenizers: one token a word of the world, and no text they cannot take."""

import random

from workers.starter import truth
from workers.starter.lessons import starter_tokenizer
from workers.starter.tokens import clip_tokenizers, world_words
from workers.starter.world import scene_from_seed


def test_every_word_of_a_prompt_is_one_token():
    first, _ = clip_tokenizers()
    text = truth.prompt(scene_from_seed(12345), random.Random(9)).replace(",", " ")

    assert len(first(text)["input_ids"]) == len(text.split()) + 2
    assert {"turquoise", "house", "watercolour", "gray"} <= set(world_words())


def test_unknown_words_and_signs_encode_as_their_letters():
    first, second = clip_tokenizers()

    assert first.unk_token_id not in first("zebra ünï 猫")["input_ids"][1:-1]
    assert first("a red house")["input_ids"] == second("a red house")["input_ids"]


def test_the_second_tokenizer_pads_with_an_exclamation_mark():
    _, second = clip_tokenizers()

    padded = second("a", padding="max_length", max_length=5)["input_ids"]

    assert second.convert_ids_to_tokens(padded)[-1] == "!"


def test_the_vision_models_tokenizer_gives_back_what_it_was_given():
    tokenizer = starter_tokenizer()
    for text in ("A big red house on the left, in the snow at night.", "zebra ünï 猫"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
