"""Words of a text: the same whatever the database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.library.tokens import MAX_WORD_CHARS, prefix_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A Café, by the sea!", ["a", "cafe", "by", "the", "sea"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        (
            "dogs boxes cherries churches dresses glass bus iris",
            ["dog", "box", "cherry", "church", "dress", "glass", "bus", "iris"],
        ),
        ("t-shirt_blue 16:9", ["t", "shirt", "blue", "16", "9"]),
        ("富士山 at dawn", ["富", "士", "山", "at", "dawn"]),
        ("sdxl富士v2", ["sdxl", "富", "士", "v2"]),
        ("한국 Ünïcode", ["한국", "unicode"]),
        ("\x00 !!! 🙂", []),
        ("", []),
    ],
)
def test_a_text_is_folded_and_cut(text: str, words: list[str]):
    assert words_of(text) == words


def test_a_beginning_stays_as_it_was_typed():
    assert prefix_of("red dres") == ["red", "dres"]
    assert prefix_of("cats bus") == ["cat", "bus"]
    assert prefix_of("roses") == ["roses"]


@given(st.text(max_size=200))
def test_words_survive_a_second_reading_but_for_their_plural(text: str):
    words = words_of(text)

    assert all(word and len(word) <= MAX_WORD_CHARS and not any(char.isspace() for char in word) for word in words)
    assert "\x00" not in "".join(words)
