"""What a search finds: lists of words, of meaning and of likeness, put together by the places that assets have in them.

Each list is ranked by its own measure, and measures cannot be compared; places can. An asset's score is the sum of
1 / (60 + place) over the lists that it is in (reciprocal rank fusion, Cormack et al. 2009). A list holds only what is near
enough to mean something, so a search that means nothing here finds nothing.

What is written without quotes may be found by its meaning alone; what is in quotes, and what has a `-`, must hold of
whatever is found. `like:` narrows: what is found must look like it. Filter and owner are part of every list's own SQL, so
no list ever has what the viewer may not see. At most `MOST` are found; a filter without words is no search, but a list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from api.library.filters import AssetFilter, Viewer, as_value, conditions
from api.library.query import Words
from api.library.statements import in_chunks, joined, numbers_in
from api.library.tables import Asset, AssetVector
from api.library.text_index import holds, ranked
from api.library.vectors import Question, Vectors
from shared.models.catalogue import Catalogue

#: Assets that one search finds.
MOST = 500
#: How many of the best by words are looked up for the viewer; where more have the words, the newest fill up.
LOOKED_UP = 2000
#: Damps the first places: with 60 no single list decides alone.
DAMPING = 60


@dataclass(frozen=True)
class Meaning:
    """What is asked for, as one encoder has it."""

    space: str
    vector: np.ndarray
    #: Cosines below mean nothing.
    least: float


@dataclass(frozen=True)
class Hit:
    """An asset that was found."""

    asset_no: int
    #: Sum of what its places are worth.
    score: float
    #: In which lists: words, meaning, looks.
    by: tuple[str, ...]
    #: Its best cosine; None: words alone found it.
    likeness: float | None = None


@dataclass(frozen=True)
class Asked:
    """A search, ready to be carried out."""

    #: Without its words.
    filter: AssetFilter
    viewer: Viewer
    words: tuple[Words, ...] = ()
    meanings: tuple[Meaning, ...] = ()
    #: Numbers of the assets that what is found shall look like; the viewer sees them.
    like: tuple[int, ...] = ()
    #: One tile a stack.
    is_stacked: bool = False
    more: Sequence[ColumnElement[bool]] = field(default=())

    def conditions(self, *, has_words: bool = False) -> list[ColumnElement[bool]]:
        """What must hold of everything that is found.

        Args:
            has_words: it is asked of assets only that are known to have all the words.
        """
        strict = [words for words in self.words if words.is_negated or (words.is_quoted and not has_words)]
        tops = [Asset.on_top.is_(True)] if self.is_stacked else []
        return [*conditions(self.filter, self.viewer), *holds(strict), *tops, *self.more]


def find(session: Session, asked: Asked, vectors: Vectors, catalogue: Catalogue) -> list[Hit]:
    """What is found, best first."""
    must_hold = asked.conditions()
    found: dict[int, Hit] = {}
    if any(not words.is_negated for words in asked.words):
        _add(found, "words", [(number, None) for number in _by_words(session, asked)])
        for meaning in asked.meanings:
            question = Question(meaning.space, meaning.vector, MOST, meaning.least)
            near = vectors.near(session, question, must_hold)
            _add(found, "meaning", [(each.asset_no, each.score) for each in near])
    if asked.like:
        alike: dict[int, Hit] = {}
        for number in asked.like:
            looking = similar(session, number, vectors, catalogue, must_hold)
            _add(alike, "looks", [(hit.asset_no, hit.likeness) for hit in looking])
        found = _both(found, alike) if asked.words else alike
    return sorted(found.values(), key=lambda hit: (-hit.score, -hit.asset_no))[:MOST]


def similar(
    session: Session,
    number: int,
    vectors: Vectors,
    catalogue: Catalogue,
    must_hold: Sequence[ColumnElement[bool]],
    most: int = MOST,
) -> list[Hit]:
    """What looks like an asset, the nearest first, without itself; nothing where nobody has looked at it yet."""
    row = _looks_of(session, number, catalogue)
    if row is None or row.halves is None:
        return []
    encoding = catalogue.cards[row.model].encoding
    if encoding is None or encoding.alike is None:
        return []
    vector = np.frombuffer(row.halves, dtype="<f2").astype(np.float32)
    question = Question(row.space, vector, most + 1, encoding.alike, encoding.centred)
    near = [each for each in vectors.near(session, question, must_hold) if each.asset_no != number]
    return [Hit(each.asset_no, each.score, ("looks",), each.score) for each in near[:most]]


def has_looks(session: Session, number: int, catalogue: Catalogue) -> bool:
    """Whether anybody has looked at an asset, so that others can be like it."""
    return _looks_of(session, number, catalogue) is not None


def in_order(session: Session, hits: Sequence[Hit], sort: Literal["relevance", "newest", "oldest"]) -> list[Hit]:
    """What was found, by how well it fits (as it comes) or by when it was made."""
    if sort == "relevance":
        return list(hits)
    wanted = select(Asset.no, Asset.created_ms).where(Asset.no.in_([hit.asset_no for hit in hits]))
    made = {no: (created_ms, no) for no, created_ms in session.execute(wanted)}
    there = [hit for hit in hits if hit.asset_no in made]
    return sorted(there, key=lambda hit: made[hit.asset_no], reverse=sort == "newest")


def _looks_of(session: Session, number: int, catalogue: Catalogue) -> AssetVector | None:
    """What the first model of the catalogue sees that has looked at it."""
    wanted = select(AssetVector).where(
        AssetVector.asset_no == number, AssetVector.what == "looks", AssetVector.halves.is_not(None)
    )
    rows = {row.model: row for row in session.scalars(wanted)}
    return next((rows[model] for model in catalogue.cards if model in rows), None)


def _by_words(session: Session, asked: Asked) -> list[int]:
    """Those that have all the words, best first; behind them the newest of others that have them."""
    must_hold = asked.conditions(has_words=True)
    best = ranked(session, asked.words, LOOKED_UP)
    # What must hold is asked of each row and not of the list, for which SQLite would walk everything its owner has.
    allowed: set[int] = set()
    for some in in_chunks(best):
        wanted = select(joined(Asset.no)).where(Asset.no.in_(some), as_value(must_hold))
        allowed.update(numbers_in(session.scalar(wanted)))
    found = [number for number in best if number in allowed][:MOST]
    if len(best) < LOOKED_UP or len(found) == MOST:
        return found
    newest = select(Asset.no).where(*must_hold, *holds(asked.words), Asset.no.not_in(found))
    rest = session.scalars(newest.order_by(Asset.created_ms.desc(), Asset.no.desc()).limit(MOST - len(found)))
    return [*found, *rest]


def _add(found: dict[int, Hit], by: str, ranked_list: Sequence[tuple[int, float | None]]) -> None:
    """Count one more list."""
    for place, (number, likeness) in enumerate(ranked_list, start=1):
        before = found.get(number, Hit(number, 0.0, ()))
        known = [each for each in (before.likeness, likeness) if each is not None]
        found[number] = Hit(
            number,
            before.score + 1 / (DAMPING + place),
            before.by if by in before.by else (*before.by, by),
            max(known, default=None),
        )


def _both(found: dict[int, Hit], alike: dict[int, Hit]) -> dict[int, Hit]:
    """What is in both."""
    return {
        number: replace(
            hit, score=hit.score + alike[number].score, by=(*hit.by, "looks"), likeness=alike[number].likeness
        )
        for number, hit in found.items()
        if number in alike
    }
