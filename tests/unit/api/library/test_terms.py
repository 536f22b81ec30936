"""What the terms of the search box mean, in the words of the API's own filter."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.library.filters import AssetFilter, milliseconds
from api.library.query import BadQuery
from api.library.terms import NAMES, Wanted, read

ID = "ast_" + "0" * 24


def day(month: int, of_month: int, year: int = 2026) -> datetime:
    return datetime(year, month, of_month, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("model:sdxl,toy", {"model": ("sdxl", "toy")}),
        ("tag:cat", {"tag": ("cat",)}),
        ("tag:cat,dog", {"any_tag": ("cat", "dog")}),
        ('album:"My trip"', {"album": ("My trip",), "scope": "all"}),
        ("stars:>=4", {"stars_min": 4}),
        ("stars:>4", {"stars_min": 5}),
        ("stars:<2", {"stars_max": 1}),
        ("stars:3", {"stars_min": 3, "stars_max": 3}),
        ("nsfw:<=0.5", {"nsfw_max": 0.5}),
        ("size:1024x768", {"width_min": 1024, "width_max": 1024, "height_min": 768, "height_max": 768}),
        ("size:>=512×640", {"width_min": 512, "height_min": 640}),
        ("seed:42", {"seed": 42}),
        ("after:2026-11-01", {"after": day(11, 1)}),
        ("before:2026", {"before": day(1, 1)}),
        ("on:2026-02", {"after": day(2, 1), "before": day(3, 1)}),
        ("on:2026-12", {"after": day(12, 1), "before": day(1, 1, 2027)}),
        ("on:2026-12-31", {"after": day(12, 31), "before": day(1, 1, 2027)}),
        ("after:2026-11-01T18:30", {"after": datetime(2026, 11, 1, 18, 30, tzinfo=UTC)}),
        ("is:favourite has:caption in:rack", {"favourite": True, "has_caption": True, "scope": "rack"}),
        ("is:trashed", {"trashed": True}),
        ("kind:generate owner:ada", {"kind": ("generate",), "owner": ("ada",), "scope": "all"}),
        (f"parent:{ID}", {"parent": ID}),
    ],
)
def test_a_term_is_a_field_of_the_filter(text: str, filter: dict):
    assert read(text).filter == AssetFilter(**filter)


def test_a_second_term_on_a_field_must_hold_too():
    found = read("tag:cat,dog tag:red tag:blue tag:big,small").filter

    assert (found.any_tag, found.tag) == (("cat", "dog"), ("red",))
    assert found.also == (AssetFilter(tag=("blue",)), AssetFilter(any_tag=("big", "small")))


def test_a_term_that_is_turned_round_must_not_hold():
    assert read("-tag:cat -stars:<3").filter.without == (AssetFilter(tag=("cat",)), AssetFilter(stars_max=2))


def test_words_and_likeness_come_beside_the_filter():
    found = read(f"red door like:{ID} tag:a -snow")

    assert found.like == (ID,)
    assert found.has_words
    assert [words.words for words in found.query.words] == [("red",), ("door",), ("snow",)]
    assert found.filter == AssetFilter(tag=("a",), words="red door -snow")


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("cat stars:9", 10, "stars: Input should be less than or equal to 5"),
        ("stars:many", 6, "'many' is no whole number"),
        ("stars:1,2", 8, "stars: has one value"),
        ("nsfw:nan", 5, "'nan' is no number"),
        ("stars:" + "9" * 500, 6, "is no number"),
        ("stars:٤", 6, "is no number"),
        ("seed:-1", 5, "greater than or equal to 0"),
        ("size:big", 5, "is no size: write 1024x768"),
        ("after:yesterday", 6, "is no date: write 2026-11-01"),
        ("after:2026-13", 6, "is no day, month or year"),
        ("on:9999", 3, "is no day, month or year"),
        ("tag:>3", 4, "tag: has no >"),
        ("is:red", 3, "'red' is none of favourite"),
        ("like:me", 5, "like: String should match pattern"),
        (f"-like:{ID}", 1, "cannot be turned round"),
        ("-is:trashed", 1, "without a -"),
        ("in:rack in:mine", 8, "may stand once"),
    ],
)
def test_a_value_that_means_nothing_says_where(text: str, at: int, what: str):
    with pytest.raises(BadQuery, match=what) as caught:
        read(text)

    assert caught.value.at == at


def test_the_first_moment_of_all_is_a_moment():
    moment = read("after:0001-01-01T00:00+23:59").filter.after

    assert moment is not None
    assert milliseconds(moment) < 0


VALUES = (
    st.text(max_size=30) | st.from_regex(r"[0-9]{1,4}-?[0-9]{0,2}-?[0-9]{0,2}", fullmatch=True) | st.integers().map(str)
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "-"]), st.sampled_from(sorted(NAMES)), st.sampled_from(["", ">=", "<"]), VALUES),
        max_size=8,
    )
)
def test_any_values_are_a_filter_or_refused(terms: list[tuple[str, str, str, str]]):
    text = " ".join(f"{sign}{name}:{comparison}{value}" for sign, name, comparison, value in terms)

    found = outcome_of(text)

    if isinstance(found, Wanted):
        assert AssetFilter.model_validate_json(found.filter.model_dump_json(exclude_defaults=True)) == found.filter


def outcome_of(text: str) -> Wanted | BadQuery:
    try:
        return read(text)
    except BadQuery as refused:
        return refused
