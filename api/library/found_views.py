"""What was found, as callers see it: light rows with what found them, and groups of duplicates."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library import assets
from api.library.duplicates import Notion
from api.library.search import MOST, Hit
from api.library.tables import Asset
from api.library.views import AssetRow


class FoundRow(BaseModel):
    """An asset that was found, and why."""

    asset: AssetRow
    by: list[Literal["words", "meaning", "looks"]] = Field(description="What found it; empty where a filter alone did")
    likeness: float | None = Field(None, description="Cosine of the nearest vector; null: no vector found it")


class TermView(BaseModel):
    """A term of the box as it was written, and where."""

    text: str
    at: int = Field(description="First character, from 0")


class SearchAnswer(BaseModel):
    """A page of what was found."""

    found: list[FoundRow]
    total: int = Field(description=f"All that was found; by words and likeness up to {MOST}")
    next_cursor: str | None = Field(description="Ask with this cursor for the next page; null: there is none")
    semantic: bool = Field(description="Whether meaning was asked too; false: words alone, e.g. no encoder in time")
    terms: list[TermView] = Field(description="The box in its terms: each can be taken out")
    ignored: list[str] = Field(description="Marks of the box that are no words")
    filter: dict[str, Any] = Field(description="The same as an `AssetFilter`, which lists and bulk changes take")
    not_looked_at: list[str] = Field(
        description="Assets of `like:` that nobody has looked at yet: nothing is like them"
    )


class SimilarAnswer(BaseModel):
    """What looks like an asset, the nearest first."""

    found: list[FoundRow]
    is_looked_at: bool = Field(description="False: nobody has looked at the asset yet; ask again later")


class DuplicateGroups(BaseModel):
    """Your assets that are nearly the same, the oldest of each group first."""

    notion: Notion
    groups: list[list[AssetRow]]
    total: int = Field(description="All groups")
    next_cursor: str | None


def found_rows(session: Session, hits: Sequence[Hit]) -> list[FoundRow]:
    """In the order of the hits; those that are gone meanwhile are left out."""
    by_no = {hit.asset_no: hit for hit in hits}
    numbers = {asset_id: no for no, asset_id in session.execute(select(Asset.no, Asset.id).where(Asset.no.in_(by_no)))}
    rows = assets.rows_by_no(session, list(by_no))
    return [_row(row, by_no[numbers[row.id]]) for row in rows if row.id in numbers]


def _row(row: AssetRow, hit: Hit) -> FoundRow:
    likeness = None if hit.likeness is None else round(hit.likeness, 3)
    return FoundRow(asset=row, by=list(hit.by), likeness=likeness)  # type: ignore[arg-type]
