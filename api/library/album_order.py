"""An album's own order: a rank per item, so that moving some changes no others. Halving gaps uses a float up after some fifty
moves to the same place; then the album is numbered anew.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.library.albums import members, touch
from api.library.filters import AssetId, Viewer
from api.library.tables import Album, AlbumItem
from shared.contracts.base import Contract

#: Items that one request may put into an order.
MAX_MOVED = 1000


class Move(Contract):
    """`POST /v1/albums/{album_id}/order`: these, in this order, before another one, or to the end."""

    ids: Annotated[tuple[AssetId, ...], Field(min_length=1, max_length=MAX_MOVED)]
    before: AssetId | None = Field(None, description="null: to the end")


def move(session: Session, album: Album, wanted: Move, viewer: Viewer, now_ms: int) -> None:
    """Put some of an album's assets elsewhere in its order.

    Raises:
        NotFound: one is not in it.
    """
    nos = members(session, album, wanted.ids, viewer)
    before = members(session, album, [wanted.before], viewer)[0] if wanted.before else None
    order = session.execute(
        select(AlbumItem.asset_no, AlbumItem.position)
        .where(AlbumItem.album_no == album.no)
        .order_by(AlbumItem.position, AlbumItem.asset_no)
    ).all()
    others = [row for row in order if row.asset_no not in set(nos)]
    place = next((i for i, row in enumerate(others) if row.asset_no == before), len(others))
    low = others[place - 1].position if place else None
    high = others[place].position if place < len(others) else None
    for no, position in zip(nos, ranks_between(low, high, len(nos)), strict=True):
        session.get_one(AlbumItem, (album.no, no)).position = position
    session.flush()
    if _has_ties(session, album):
        _number_anew(
            session, album, [row.asset_no for row in others[:place]] + nos + [row.asset_no for row in others[place:]]
        )
    touch(album, now_ms)


def ranks_between(low: float | None, high: float | None, count: int) -> list[float]:
    """Pure. Ranks in rising order between two neighbours; None: there is none on that side."""
    if low is None and high is None:
        return [float(i) for i in range(1, count + 1)]
    if high is None:
        return [float(low or 0) + i for i in range(1, count + 1)]
    if low is None:
        return [high - count + i for i in range(count)]
    step = (high - low) / (count + 1)
    return [low + step * i for i in range(1, count + 1)]


def _has_ties(session: Session, album: Album) -> bool:
    """Whether halving has used up what a float can tell apart."""
    positions = select(func.count(), func.count(AlbumItem.position.distinct())).where(AlbumItem.album_no == album.no)
    count, distinct = session.execute(positions).one()
    return bool(count != distinct)


def _number_anew(session: Session, album: Album, nos: Sequence[int]) -> None:
    for place, no in enumerate(nos, 1):
        session.get_one(AlbumItem, (album.no, no)).position = float(place)
