"""A prompt is encoded once, and what is kept of it is what would be encoded."""

import pytest
import torch

from workers.engines.sdxl import prompt_cache
from workers.engines.sdxl.prompt_cache import PromptCache
from workers.engines.sdxl.prompt_encoding import encode


@pytest.fixture
def encoded(monkeypatch) -> list[tuple[str, str]]:
    """What was really encoded."""
    seen = []

    def counted(pipe, prompt, negative_prompt, *, guided):
        seen.append((prompt, negative_prompt))
        return encode(pipe, prompt, negative_prompt, guided=guided)

    monkeypatch.setattr(prompt_cache, "encode", counted)
    return seen


def test_a_prompt_that_comes_again_is_not_encoded_again_and_is_the_same_to_the_last_bit(plain, encoded):
    cache = PromptCache(plain)

    _, again = (cache.encode("a red fox", "a cat", guided=True) for _ in range(2))

    fresh = encode(plain, "a red fox", "a cat", guided=True)
    assert len(encoded) == 1
    assert torch.equal(again.prompt, fresh.prompt)
    assert torch.equal(again.negative, fresh.negative)


@pytest.mark.parametrize(
    "other", [("a red fox", "a dog", True), ("a red fox", "a cat", False), ("a blue fox", "a cat", True)]
)
def test_another_question_has_another_answer(plain, encoded, other):
    cache = PromptCache(plain)
    cache.encode("a red fox", "a cat", guided=True)

    prompt, negative, guided = other
    answer = cache.encode(prompt, negative, guided=guided)

    assert len(encoded) == 2
    assert torch.equal(answer.prompt, encode(plain, prompt, negative, guided=guided).prompt)
    assert (answer.negative is not None) == guided


def test_another_number_of_threads_asks_anew(plain, encoded):
    cache, before = PromptCache(plain), torch.get_num_threads()
    cache.encode("a red fox", "", guided=True)

    torch.set_num_threads(before + 1)
    try:
        cache.encode("a red fox", "", guided=True)
    finally:
        torch.set_num_threads(before)

    assert len(encoded) == 2


def test_the_longest_unused_one_goes_where_there_is_no_room(plain, encoded, monkeypatch):
    cache = PromptCache(plain)
    size = prompt_cache._bytes(cache.encode("first", "", guided=True))
    monkeypatch.setattr(prompt_cache, "MOST_MIB", 2.5 * size / 2**20)
    cache.encode("second", "", guided=True)
    cache.encode("first", "", guided=True)
    cache.encode("third", "", guided=True)
    encoded.clear()

    for prompt in ("first", "third", "second"):
        cache.encode(prompt, "", guided=True)

    assert encoded == [("second", "")]


def test_nothing_is_kept_once_it_is_to_be_forgotten(plain, encoded):
    cache = PromptCache(plain)
    cache.encode("a red fox", "", guided=True)

    cache.forget()
    cache.encode("a red fox", "", guided=True)

    assert len(encoded) == 2
