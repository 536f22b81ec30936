"""Vectors of assets: SQL has them, and what is near another one is told by a file beside it, or by pgvector.

`asset_vectors` is the truth: written in the transaction of whoever brings a vector, gone with its asset. The file of a
space (`vector_file`) is filled from it; of several API processes one fills it, and each host has its own. Where PostgreSQL
has pgvector, it compares by itself and there is no file.

A row of a file is known by the number of the change that wrote it, which is never given twice: what has gone or was written
anew since is then nobody's, and is passed over until the file is written without it. What is found is always looked up
with the caller's conditions, for neither the file nor pgvector's table knows owners.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Float, Select, column, func, select, text, update
from sqlalchemy.orm import Session

from api.library.database import Database, lock
from api.library.nearness import HALF_SAY, CentredCollection, Collection, centred
from api.library.statements import joined, numbers_in
from api.library.tables import Asset, AssetVector, Position
from api.library.vector_file import VectorFile, VectorWriter

#: Assets that a filter leaves, up to which they alone are compared; above, everything is, and then filtered.
NARROW = 1000
#: How many of the nearest are looked up at first, for each that is wanted; more where others' pictures are among them.
SPARE = 8
#: Rows read from SQL at a time.
AT_ONCE = 5000
#: Rows of a file that stand for nothing any more, of all, from which on it is written anew.
WASTE = 0.2
FOLDER = "vectors"
#: Where the last number of a change stands.
CHANGES = "vectors.change"


@dataclass(frozen=True)
class Near:
    """An asset (by number) and its cosine."""

    asset_no: int
    score: float


@dataclass(frozen=True)
class Question:
    """What is asked for."""

    space: str
    #: (dimensions,) fp32, of length 1.
    vector: np.ndarray
    most: int
    #: Cosines below are left out.
    least: float
    #: Whether they are measured from the middle of the collection (see `nearness`).
    is_centred: bool = False


class Vectors(Protocol):
    """What is near a vector."""

    def near(self, session: Session, question: Question, conditions: Sequence[ColumnElement[bool]]) -> list[Near]:
        """The nearest assets for which the conditions hold, best first."""
        ...


def vectors_of(database: Database, session: Session) -> Vectors:
    """Those of this database: pgvector's where it is there."""
    if has_pgvector(session):
        return PgVectors()
    return FileVectors(database.settings.data_dir / FOLDER)


def has_pgvector(session: Session) -> bool:
    """Whether this database compares vectors by itself."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    return session.scalar(text("SELECT to_regclass('asset_directions')")) is not None


def write(session: Session, model: str, space: str, rows: dict[int, np.ndarray], digests: dict[int, str]) -> None:
    """Keep vectors of assets, each in the row that waits for it; an asset that has gone meanwhile is passed over.

    Args:
        rows: asset number → vector.
        digests: of the words they were made from.
    """
    for change, (number, vector) in enumerate(rows.items(), _numbers_for(session, len(rows))):
        session.execute(
            update(AssetVector)
            .where(AssetVector.asset_no == number, AssetVector.model == model)
            .values(
                state="made",
                job="",
                tries=0,
                space=space,
                change=change,
                digest=digests.get(number, ""),
                halves=vector.astype("<f2").tobytes(),
            )
        )
    if has_pgvector(session):
        _write_directions(session, model, space, rows)


def _numbers_for(session: Session, changes: int) -> int:
    """The first of so many numbers that no change had before. Readers look for what is above what they know, so whoever
    writes is alone until the session ends."""
    lock(session, "vectors")
    position = session.get(Position, CHANGES) or Position(name=CHANGES, value="0")
    first = int(position.value) + 1
    position.value = str(first + changes - 1)
    session.add(position)
    return first


# -- the file ------------------------------------------------------------------------------------------------------------


class FileVectors:
    """A file a space, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, VectorFile] = {}
        self._plain: dict[str, Collection] = {}
        self._centred: dict[str, CentredCollection] = {}
        # Requests ask from many threads; what they are given is never changed afterwards.
        self._guard = threading.Lock()

    def near(self, session: Session, question: Question, conditions: Sequence[ColumnElement[bool]]) -> list[Near]:
        """See `Vectors`."""
        with self._guard:
            collection = self._collection(session, question)
        if not len(collection.keys):
            return []
        seen = _seen(question.space, conditions)
        numbers = _numbers(session, seen.limit(NARROW + 1))
        if len(numbers) > NARROW:
            return self._among_all(session, question, seen, collection)
        found = collection.near(question.vector, question.least, question.most, np.array(list(numbers), dtype=np.int64))
        return [Near(numbers[change], score) for change, score in found]

    def _among_all(
        self, session: Session, question: Question, seen: Select[int, int], collection: Collection
    ) -> list[Near]:
        """The nearest of everybody, and of them those that the caller may see, until there are enough."""
        looked_at = question.most * SPARE
        while True:
            nearest = collection.near(question.vector, question.least, looked_at)
            numbers: dict[int, int] = {}
            for start in range(0, len(nearest), AT_ONCE):
                changes = [change for change, _ in nearest[start : start + AT_ONCE]]
                numbers |= _numbers(session, seen.where(AssetVector.change.in_(changes)))
            found = [Near(numbers[change], score) for change, score in nearest if change in numbers]
            if len(found) >= question.most or len(nearest) < looked_at:
                return found[: question.most]
            looked_at *= SPARE

    def _collection(self, session: Session, question: Question) -> Collection:
        space = question.space
        file = self._file(space, len(question.vector))
        newest = session.scalar(select(func.max(AssetVector.change)).where(AssetVector.space == space)) or 0
        if file.change < newest:
            self._fill(session, space, file)
        if file.refresh() or space not in self._plain:
            self._plain[space] = Collection(*file.rows())
            if space in self._centred:
                self._centred[space] = centred(self._plain[space], self._centred[space])
        if not question.is_centred:
            return self._plain[space]
        if space not in self._centred:
            self._centred[space] = centred(self._plain[space])
        return self._centred[space]

    def _file(self, space: str, dimensions: int) -> VectorFile:
        if space not in self._files:
            name = re.sub(r"[^a-z0-9]+", "-", space.lower()).strip("-")
            self._files[space] = VectorFile(self._folder / f"{name}.vectors", dimensions)
            self._files[space].refresh()
        return self._files[space]

    def _fill(self, session: Session, space: str, file: VectorFile) -> None:
        """Bring the file up to what SQL has; where another process does, its work is seen by the next question."""
        try:
            with VectorWriter(file.path, file.dimensions) as writer:
                while rows := _changed(session, space, writer.change):
                    table = np.stack([np.frombuffer(halves, dtype="<f2") for _, halves in rows])
                    writer.put([change for change, _ in rows], table, rows[-1][0])
                live = session.scalar(select(func.count()).where(AssetVector.space == space)) or 0
                if writer.rows > AT_ONCE and writer.rows > live / (1 - WASTE):
                    writer.compact(session.scalars(select(AssetVector.change).where(AssetVector.space == space)).all())
        except BlockingIOError:
            return


def _seen(space: str, conditions: Sequence[ColumnElement[bool]]) -> Select[int, int]:
    """(change, asset number) of the vectors of a space whose assets the conditions hold for."""
    return (
        select(AssetVector.change, AssetVector.asset_no)
        .join(Asset, Asset.no == AssetVector.asset_no)
        .where(AssetVector.space == space, *conditions)
    )


def _numbers(session: Session, seen: Select[int, int]) -> dict[int, int]:
    """Change → asset number of what `_seen` selects."""
    rows = seen.subquery()
    changes, assets = session.execute(select(joined(rows.c.change), joined(rows.c.asset_no))).one()
    return dict(zip(numbers_in(changes), numbers_in(assets), strict=True))


def _changed(session: Session, space: str, change: int) -> list[tuple[int, bytes]]:
    wanted = (
        select(AssetVector.change, AssetVector.halves)
        .where(AssetVector.space == space, AssetVector.change > change)
        .order_by(AssetVector.change)
        .limit(AT_ONCE)
    )
    return [(at, halves) for at, halves in session.execute(wanted) if halves is not None]


# -- pgvector ------------------------------------------------------------------------------------------------------------


class PgVectors:
    """PostgreSQL compares by itself, exactly: every row that the conditions leave."""

    def near(self, session: Session, question: Question, conditions: Sequence[ColumnElement[bool]]) -> list[Near]:
        """See `Vectors`."""
        middle = self._middle(session, question)
        off = question.vector - middle
        if float(np.linalg.norm(off)) == 0:
            return []
        direction = "(direction - CAST(:middle AS vector))" if question.is_centred else "direction"
        scored = (
            text(
                f"SELECT asset_no AS no, 1 - ({direction} <=> CAST(:off AS vector)) AS score "
                "FROM asset_directions WHERE space = :space"
            )
            .columns(column("no", BigInteger), column("score", Float))
            .subquery("scored")
        )
        wanted = (
            select(scored.c.no, scored.c.score)
            .join(Asset, Asset.no == scored.c.no)
            .where(scored.c.score >= question.least, *conditions)
            .order_by(scored.c.score.desc(), scored.c.no.desc())
            .limit(question.most)
        )
        asked = {"space": question.space, "off": _spelled(off)}
        if question.is_centred:
            asked["middle"] = _spelled(middle)
        return [Near(number, float(score)) for number, score in session.execute(wanted, asked)]

    def _middle(self, session: Session, question: Question) -> np.ndarray:
        """See `nearness.centred`."""
        zero = np.zeros_like(question.vector)
        if not question.is_centred:
            return zero
        found = session.execute(
            text("SELECT count(*), avg(direction)::text FROM asset_directions WHERE space = :space"),
            {"space": question.space},
        ).one()
        if not found[0]:
            return zero
        from_text = np.array(found[1].strip("[]").split(","), dtype=np.float32)
        return from_text * (found[0] / (found[0] + HALF_SAY))


def _write_directions(session: Session, model: str, space: str, rows: dict[int, np.ndarray]) -> None:
    statement = text(
        "INSERT INTO asset_directions (asset_no, model, space, direction) "
        "SELECT asset_no, model, space, CAST(:direction AS vector) FROM asset_vectors "
        "WHERE asset_no = :number AND model = :model "
        "ON CONFLICT (asset_no, model) DO UPDATE SET space = excluded.space, direction = excluded.direction"
    )
    for number, vector in rows.items():
        session.execute(statement, {"direction": _spelled(vector), "number": number, "model": model})


def _spelled(vector: np.ndarray) -> str:
    return "[" + ",".join(f"{number:.6g}" for number in vector.tolist()) + "]"
