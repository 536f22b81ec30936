"""The search box: what it reads, and how it says where it cannot."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.library.query import MAX_CHARS, BadQuery, FieldTerm, Query, Value, Words, parse, words_in
from shared.errors import InvalidRequest

NAMES = ("model", "tag", "album", "stars", "after", "like")


def read(text: str) -> Query:
    return parse(text, NAMES)


def test_words_phrases_and_beginnings_are_told_apart():
    found = read('Cats "red door" -snow paint* -"blue sky"')

    assert found.words == (
        Words(("cat",)),
        Words(("red", "door"), is_quoted=True),
        Words(("snow",), is_negated=True),
        Words(("paint",), is_prefix=True),
        Words(("blue", "sky"), is_negated=True, is_quoted=True),
    )
    assert found.said == "Cats red door paint"


def test_fields_have_values_comparisons_and_places():
    found = read('model:sdxl tag:cat,"big dog" -album:"My trip" stars:>=4')

    assert found.fields == (
        FieldTerm("model", (Value("sdxl", 6),), 0, 0),
        FieldTerm("tag", (Value("cat", 15), Value("big dog", 19)), 11, 11),
        FieldTerm("album", (Value("My trip", 36),), 30, 29, is_negated=True),
        FieldTerm("stars", (Value("4", 54),), 46, 46, comparison=">="),
    )
    assert found.words == ()


def test_each_term_can_be_taken_out_as_it_was_written():
    text = 'red  -"blue sky" & -tag:"a b",c like*'

    found = read(text)

    assert [term.text for term in found.terms] == ["red", '-"blue sky"', '-tag:"a b",c', "like*"]
    assert all(text[term.at :].startswith(term.text) for term in found.terms)
    assert found.text_terms == 'red -"blue sky" like*'
    assert words_in(found.text_terms) == found.words


def test_a_field_may_be_written_in_capitals():
    assert read("Stars:3").fields[0].name == "stars"


@pytest.mark.parametrize("text", ["16:9", "https://example.org/a", '"colour:red"', "☃:x"])
def test_a_colon_that_is_no_fields_is_text(text: str):
    assert read(text).fields == ()
    assert read(text).words


def test_marks_that_are_no_words_are_passed_over_and_told():
    found = read('cat & - "!" -… dog')

    assert [each.words for each in found.words] == [("cat",), ("dog",)]
    assert found.ignored == ("&", "-", '"!"', "-…")


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ('cat "red door', 4, "never closed"),
        ("cat colour:red", 4, "no colour: to search by; there are after:, album:"),
        ("cat tag:", 7, "tag: needs a value"),
        ('tag:""', 4, "tag: needs a value"),
        ("tag:a,", 5, "tag: needs a value"),
        ("stars:>= 4", 8, "stars: needs a value"),
        ('album:"open', 6, "never closed"),
        ("x" * (MAX_CHARS + 1), MAX_CHARS, "at most 1,000 characters, this one 1,001"),
        ("a " * 60, 100, "at most 50 terms"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, at: int, what: str):
    with pytest.raises(BadQuery, match=what) as caught:
        read(text)

    assert isinstance(caught.value, InvalidRequest)
    assert caught.value.at == caught.value.as_dict()["at"] == at
    assert caught.value.field == "q"
    *_, box, caret = caught.value.message.split("\n")
    assert caret.strip() == "^"
    assert len(caret) <= len(box)


def test_the_caret_stands_below_the_place():
    with pytest.raises(BadQuery) as caught:
        read('one two three four five six seven eight "nine')

    assert caught.value.message.endswith(
        "…" + 'e two three four five six seven eight "nine'[-35:] + "\n" + " " * 31 + "^"
    )


HOSTILE = st.text(st.sampled_from('abc:"-,*<>=()\\%_\x00\n\t §é富🙂\u202e\ud7ff tagstars'), max_size=120) | st.text(
    max_size=300
)


@given(HOSTILE)
@example("\x00")
@example("tag:" * 300)
@example('"' * 10_000)
@example("-" * 10_000)
def test_any_string_is_read_or_refused_with_a_place(text: str):
    found = outcome_of(text)

    if isinstance(found, BadQuery):
        assert 0 <= found.at < max(1, len(text))
        assert "\x00" not in found.message
    else:
        assert all(each.words for each in found.words)
        assert all(value.text for field in found.fields for value in field.values)


def outcome_of(text: str) -> Query | BadQuery:
    try:
        return read(text)
    except BadQuery as refused:
        return refused


@given(st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=1, max_size=10))
def test_every_word_is_found_again(words: list[str]):
    assert len(read(" ".join(words)).words) == len(words)
