"""Parts of statements for both databases: upserts, which each spells its own way, and long lists that go in or come out."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

T = TypeVar("T")


def upsert(session: Session, table: type[Any]) -> Any:
    """An INSERT with `on_conflict_…`, which each database spells as its own construct."""
    made = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return made(table)


def in_chunks(values: Sequence[T], size: int = 5000) -> Iterator[Sequence[T]]:
    """Lists that both databases take as the values of one statement (SQLite: 32,766)."""
    return (values[start : start + size] for start in range(0, len(values), size))


def joined(numbers: SQLColumnExpression[int]) -> ColumnElement[str]:
    """A column of many rows as one value, for `numbers_in`. On SQLite thousands of numbers should come so: between two rows
    its driver lets other threads run, and on a busy server each such gap costs more than the row."""
    return func.aggregate_strings(cast(numbers, String), ",")


def numbers_in(joined_numbers: str | None) -> list[int]:
    """What `joined` joined; nothing where there was no row."""
    return [int(number) for number in joined_numbers.split(",")] if joined_numbers else []
