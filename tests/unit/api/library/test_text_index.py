"""The index of words: never behind what was committed, and the same on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from api.library.database import Database
from api.library.query import Words
from api.library.tables import Asset, AssetText, WordsDue
from api.library.terms import read
from api.library.text_index import holds, note_all, ranked
from api.library.tokens import words_of
from tests.unit.api.library.assets import put


def found(library: Database, box: str) -> list[str]:
    """Notes of the assets that are found, best first, or by their order where there is nothing to rank by."""
    asked = read(box).query.words
    with library.reading() as session:
        numbers = ranked(session, asked, 100)
        notes = dict(session.execute(select(AssetText.asset_no, AssetText.file_name)).all())
        held = set(session.scalars(select(Asset.no).where(*holds(asked))))
        if any(not words.is_negated for words in asked):
            assert {number for number in numbers if number in held} == held
        return [notes[number] for number in numbers if number in held] or sorted(notes[number] for number in held)


@pytest.fixture
def gallery(library: Database) -> Database:
    pictures = {
        "beach": {"caption": "A dog runs on the beach", "tags": ("golden retriever", "sea"), "prompt": "dogs, 8k"},
        "city": {"prompt": "neon city at night, a dog walker", "note": "for Zoë"},
        "door": {"caption": "a red door", "tags": ("house", "red")},
        "fuji": {"caption": "富士山 in spring", "prompt": "Café del Mar"},
    }
    with library.writing() as session:
        for name, words in pictures.items():
            asset = put(session, **words)
            session.get_one(AssetText, asset.no).file_name = name
    return library


@pytest.mark.parametrize(
    ("box", "names"),
    [
        ("dog", ["beach", "city"]),
        ("dogs beach", ["beach"]),
        ('"golden retriever"', ["beach"]),
        ('"retriever sea"', []),
        ('"house red"', []),
        ('"red door"', ["door"]),
        ('"door red"', []),
        ("retr*", ["beach"]),
        ("CAFE zoe", []),
        ("cafe", ["fuji"]),
        ("zoe", ["city"]),
        ("富士", ["fuji"]),
        ("山富", []),
        ("dog -beach", ["city"]),
        ("-dog", ["door", "fuji"]),
        ('-dog -"red door"', ["fuji"]),
        ("nothing", []),
        ("and or not near", []),
    ],
)
def test_words_phrases_and_beginnings_are_found(gallery: Database, box: str, names: list[str]):
    assert found(gallery, box) == names


def test_what_a_caption_says_weighs_more_than_what_a_prompt_wished(gallery: Database):
    with gallery.writing() as session:
        for field in ("note", "prompt", "caption"):
            asset = put(session, **{field: "a lighthouse in the storm"})
            session.get_one(AssetText, asset.no).file_name = field
        asset = put(session, tags=("lighthouse",))
        session.get_one(AssetText, asset.no).file_name = "tag"

    assert found(gallery, "lighthouse")[-2:] == ["prompt", "note"]
    assert set(found(gallery, "lighthouse")[:2]) == {"caption", "tag"}


def test_whoever_changes_words_changes_the_index(gallery: Database):
    with gallery.writing() as session:
        number = session.scalars(select(AssetText.asset_no).where(AssetText.file_name == "door")).one()
        session.execute(text("UPDATE asset_texts SET caption = 'a blue gate' WHERE asset_no = :no"), {"no": number})

    assert found(gallery, "gate") == ["door"]
    assert found(gallery, '"red door"') == []


def test_what_is_not_committed_is_not_found(gallery: Database):
    def fail_half_way() -> None:
        with gallery.writing() as session:
            put(session, caption="a whale")
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail_half_way()

    assert found(gallery, "whale") == []


def test_what_is_deleted_is_gone_from_the_index(gallery: Database):
    with gallery.writing() as session:
        session.execute(delete(Asset).where(Asset.no.in_(select(AssetText.asset_no))))

    with gallery.reading() as session:
        assert session.scalars(text("SELECT count(*) FROM asset_words")).one() == 0
        assert session.scalars(select(WordsDue.asset_no)).all() == []


def test_everything_can_be_indexed_afresh(gallery: Database):
    with gallery.writing() as session:
        session.execute(text("DELETE FROM asset_words"))
    assert found(gallery, "dog") == []

    with gallery.writing() as session:
        note_all(session)

    assert found(gallery, "dog") == ["beach", "city"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60),
    start=st.integers(0, 59),
    length=st.integers(1, 20),
)
def test_any_text_is_found_by_any_of_its_words(library: Database, document: str, start: int, length: int):
    words = words_of(document)
    part = words[start % len(words) :][:length] if words else []
    with library.writing() as session:
        session.execute(delete(Asset))
        asset = put(session, caption=document)

    with library.reading() as session:
        assert ranked(session, [Words(tuple(part))] if part else [], 10) == ([asset.no] if part else [])
