"""What an asset means, out of what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.library.meaning_text import MAX_CHARS, cleaned, meaning_text


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("masterpiece, best quality, a red door, 8k uhd", "a red door"),
        ("(a cat:1.3) on ((a mat)), [blurry:0.5]", "a cat on a mat, blurry"),
        ("portrait <lora:detail_tweaker:0.8> of a woman BREAK golden hour", "portrait of a woman, golden hour"),
        ("score_9, score_8_up, Highly Detailed face, a fox", "a fox"),
        ("a professional photographer, 4k", "a professional photographer"),
        ("ratio 16:9 at 10:30", "ratio 16:9 at 10:30"),
        ("masterpiece, 8k", ""),
    ],
)
def test_syntax_and_praise_are_taken_out(prompt: str, left: str):
    assert cleaned(prompt) == left


def test_a_caption_stands_before_a_prompt_and_tags_go_with_both():
    assert meaning_text("A dog\non a beach.", "dog\nsea", "cat") == "A dog on a beach. dog, sea"
    assert meaning_text("", "dog", "(a cat:1.2), 8k") == "a cat. dog"
    assert meaning_text("", "", "8k") == ""


@given(st.text(max_size=5000), st.text(max_size=2000), st.text(max_size=5000))
def test_any_text_becomes_a_bounded_one(caption: str, tags: str, prompt: str):
    assert len(meaning_text(caption, tags, prompt)) <= MAX_CHARS
