"""The tags of one person's assets, with how many have each."""

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.library.filters import tag_name
from api.library.tables import Asset, AssetTag, Tag


class CountedTag(BaseModel):
    """A tag, and how many assets have it."""

    name: str
    count: int


class TagList(BaseModel):
    """Tags, the most frequent first."""

    tags: list[CountedTag]


def tags_of(session: Session, owner: str, prefix: str = "", limit: int = 100) -> TagList:
    """Of what is not in the trash."""
    begins = tag_name(prefix)
    counted = (
        select(Tag.name, func.count().label("count"))
        .select_from(AssetTag)
        .join(Tag, Tag.no == AssetTag.tag_no)
        .join(Asset, Asset.no == AssetTag.asset_no)
        .where(Asset.owner == owner, Asset.trashed_ms.is_(None), AssetTag.is_off.is_(False))
        .group_by(Tag.name)
        .order_by(func.count().desc(), Tag.name)
        .limit(limit)
    )
    if begins:
        counted = counted.where(Tag.name.startswith(begins, autoescape=True))
    return TagList(tags=[CountedTag(name=row.name, count=row.count) for row in session.execute(counted)])
