"""The index of words over caption, tags, prompt and note: FTS5 on SQLite, a tsvector on PostgreSQL, one meaning on both.

Both get words that `tokens` has cut, so they find the same. A trigger notes each asset whose words have changed, whoever
changed them, and `keep_up` works the notes off before the transaction ends: the index is never behind what was committed.

A tag is found as a phrase, and no phrase runs from one tag, or one field, into the next. A caption describes the picture
and weighs most; a prompt only wished for it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, bindparam, delete, not_, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from api.library.query import Words
from api.library.statements import numbers_in
from api.library.tables import Asset, AssetText, WordsDue
from api.library.tokens import words_of

#: Assets indexed at a time.
AT_ONCE = 1000
#: Stands between two tags; no query has it, for it is no letter.
BOUNDARY = "¶"
#: Caption, tags, prompt, note: how much a word counts in each.
FTS5_WEIGHTS = (10.0, 6.0, 3.0, 2.0)
#: The same in PostgreSQL's order, D to A.
TSVECTOR_WEIGHTS = "{0.2, 0.3, 0.6, 1.0}"
#: Which weight each field has there.
_LETTERS = ("A", "B", "C", "D")
#: Hits that are ranked; on SQLite about 10 ms.
RANKED_OF = 5_000
#: Positions between two fields, and the last one that a tsvector knows.
_GAP, _LAST_POSITION = 16, 16_383


def keep_up(session: Session) -> int:
    """Index what has changed; returns how many assets. Call it before a writing transaction ends."""
    indexed = 0
    while due := session.scalars(select(WordsDue.asset_no).limit(AT_ONCE)).all():
        _index(session, due)
        session.execute(delete(WordsDue).where(WordsDue.asset_no.in_(due)))
        indexed += len(due)
    return indexed


def note_all(session: Session) -> None:
    """Have every asset indexed afresh."""
    session.execute(
        text("INSERT INTO words_due (asset_no) SELECT asset_no FROM asset_texts WHERE true ON CONFLICT DO NOTHING")
    )


def _index(session: Session, numbers: Sequence[int]) -> None:
    rows = session.execute(
        select(AssetText.asset_no, AssetText.caption, AssetText.tags, AssetText.prompt, AssetText.note).where(
            AssetText.asset_no.in_(numbers)
        )
    )
    documents = [(number, _fields(*texts)) for number, *texts in rows]
    if _is_sqlite(session):
        _put_fts5(session, numbers, documents)
    else:
        _put_tsvector(session, documents)
    # Words that say something else have another vector; which ones is told by their digest.
    session.execute(
        text(
            "UPDATE asset_vectors SET state = 'due', tries = 0 WHERE asset_no IN :numbers AND what = 'words'"
        ).bindparams(bindparam("numbers", expanding=True)),
        {"numbers": numbers},
    )


def _fields(caption: str, tags: str, prompt: str, note: str) -> list[list[str]]:
    """The words of each field, in the order of their weights."""
    tag_words: list[str] = []
    for tag in tags.splitlines():
        tag_words += [BOUNDARY, *words_of(tag)]
    return [words_of(caption), tag_words[1:], words_of(prompt), words_of(note)]


# -- putting -------------------------------------------------------------------------------------------------------------


def _put_fts5(session: Session, numbers: Sequence[int], documents: list[tuple[int, list[list[str]]]]) -> None:
    connection = session.connection()
    connection.exec_driver_sql("DELETE FROM asset_words WHERE rowid = ?", [(number,) for number in numbers])
    if documents:
        connection.exec_driver_sql(
            "INSERT INTO asset_words (rowid, caption, tags, prompt, note) VALUES (?, ?, ?, ?, ?)",
            [(number, *(" ".join(words) for words in fields)) for number, fields in documents],
        )


def _put_tsvector(session: Session, documents: list[tuple[int, list[list[str]]]]) -> None:
    rows = json.dumps([[number, tsvector_of(fields)] for number, fields in documents])
    session.execute(
        text(
            "INSERT INTO asset_words (asset_no, words) "
            "SELECT (row ->> 0)::bigint, (row ->> 1)::tsvector FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS row "
            "ON CONFLICT (asset_no) DO UPDATE SET words = excluded.words"
        ),
        {"rows": rows},
    )


def tsvector_of(fields: Iterable[Sequence[str]]) -> str:
    """PostgreSQL's spelling of words with their places and weights: `'red':1A,7C 'door':2A`."""
    places: dict[str, list[str]] = {}
    at = 0
    for letter, words in zip(_LETTERS, fields, strict=True):
        for word in words:
            at = min(at + 1, _LAST_POSITION)
            if word != BOUNDARY:
                places.setdefault(word, []).append(f"{at}{letter}")
        at += _GAP
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


# -- asking --------------------------------------------------------------------------------------------------------------


def holds(asked: Sequence[Words]) -> list[ColumnElement[bool]]:
    """Conditions on an `Asset` row: what must be in its words, and what must not."""
    wanted, unwanted = _sorted(asked)
    found: list[ColumnElement[bool]] = []
    if wanted:
        found.append(HasWords(wanted, any_of=False))
    if unwanted:
        found.append(not_(HasWords(unwanted, any_of=True)))
    return found


class HasWords(ColumnElement[bool]):
    """Whether the index has words (all, or any) of an `Asset` row: each database's own way of asking is chosen when the
    statement is compiled."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, asked: Sequence[Words], *, any_of: bool) -> None:
        self.number = Asset.__table__.c.no
        self.fts5: BindParameter[str] = bindparam("words", fts5_query(asked, "OR" if any_of else "AND"), unique=True)
        self.tsquery: BindParameter[str] = bindparam("words", tsquery(asked, "|" if any_of else "&"), unique=True)


@compiles(HasWords, "sqlite")
def _on_sqlite(element: HasWords, compiler: Any, **how: Any) -> str:
    number, asked = compiler.process(element.number, **how), compiler.process(element.fts5, **how)
    return f"({number} IN (SELECT rowid FROM asset_words WHERE asset_words MATCH {asked}))"


@compiles(HasWords, "postgresql")
def _on_postgresql(element: HasWords, compiler: Any, **how: Any) -> str:
    number, asked = compiler.process(element.number, **how), compiler.process(element.tsquery, **how)
    return f"({number} IN (SELECT asset_no FROM asset_words WHERE words @@ CAST({asked} AS tsquery)))"


def ranked(session: Session, asked: Sequence[Words], limit: int) -> list[int]:
    """Numbers of assets with these words, best first; whoever's they are, so they must be looked at with a filter.

    Of more than `RANKED_OF` the newest are ranked: a word that is everywhere says little, and all its places cost 0.1 s.
    """
    wanted, _ = _sorted(asked)
    if not wanted:
        return []
    return _fts5_ranked(session, wanted, limit) if _is_sqlite(session) else _tsvector_ranked(session, wanted, limit)


def _fts5_ranked(session: Session, wanted: Sequence[Words], limit: int) -> list[int]:
    matching = "FROM asset_words WHERE asset_words MATCH :asked"
    asked = {"asked": fts5_query(wanted)}
    oldest = session.scalar(text(f"SELECT rowid {matching} ORDER BY rowid DESC LIMIT 1 OFFSET {RANKED_OF}"), asked) or 0
    weights = ", ".join(map(str, FTS5_WEIGHTS))
    best = f"SELECT rowid {matching} AND rank MATCH 'bm25({weights})' AND rowid > :oldest ORDER BY rank LIMIT :limit"
    in_one = text(f"SELECT group_concat(rowid) FROM ({best})")
    return numbers_in(session.scalar(in_one, {**asked, "oldest": oldest, "limit": limit}))


def _tsvector_ranked(session: Session, wanted: Sequence[Words], limit: int) -> list[int]:
    best = (
        "SELECT asset_no FROM (SELECT asset_no, words FROM asset_words WHERE words @@ CAST(:asked AS tsquery) "
        f"ORDER BY asset_no DESC LIMIT {RANKED_OF}) AS newest "
        f"ORDER BY ts_rank('{TSVECTOR_WEIGHTS}', words, CAST(:asked AS tsquery), 1) DESC, asset_no DESC LIMIT :limit"
    )
    return list(session.scalars(text(best), {"asked": tsquery(wanted), "limit": limit}))


def fts5_query(wanted: Sequence[Words], joined_by: str = "AND") -> str:
    """FTS5's spelling of words of which all (or any, with OR) must be there."""
    return f" {joined_by} ".join(f'"{" ".join(each.words)}"{" *" if each.is_prefix else ""}' for each in wanted)


def tsquery(wanted: Sequence[Words], joined_by: str = "&") -> str:
    """PostgreSQL's spelling of words of which all (or any, with |) must be there."""
    return f" {joined_by} ".join(f"({_phrase(each)})" for each in wanted)


def _phrase(asked: Words) -> str:
    spelled = [f"'{word}'" for word in asked.words]
    if asked.is_prefix:
        spelled[-1] += ":*"
    return " <-> ".join(spelled)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _sorted(asked: Sequence[Words]) -> tuple[list[Words], list[Words]]:
    wanted = [words for words in asked if not words.is_negated]
    return wanted, [words for words in asked if words.is_negated]
