"""Reading assets: pages of light rows with a total, one asset whole. What a viewer may not see is not there.

Pages are read by key, not by offset: the cursor is the last row's place, so a page far down costs what the first does,
and a row that comes or goes moves no other.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.library.filters import AssetFilter, Viewer, albums_seen_by, conditions, may_see
from api.library.statements import in_chunks
from api.library.tables import Album, AlbumItem, Asset, AssetParent, AssetTag, AssetText, Purged, Tag
from api.library.views import AlbumName, AnalysisState, AssetList, AssetRow, AssetView, TagView, asset_view, row_view
from shared.errors import Gone, IllegalMove, InvalidRequest, NotFound

Sort = Literal["newest", "oldest", "stars", "album"]
#: What a page is ordered by; the last column makes the order whole. True: from the greatest down.
ORDERS: Mapping[str, tuple[tuple[InstrumentedAttribute[Any], ...], bool]] = {
    "newest": ((Asset.created_ms, Asset.no), True),
    "oldest": ((Asset.created_ms, Asset.no), False),
    "stars": ((Asset.stars, Asset.created_ms, Asset.no), True),
    "album": ((AlbumItem.position, Asset.no), False),
}
#: A cursor: the last row's values of those columns.
CURSOR_PATTERN = r"^(-?[0-9]+(\.[0-9]+)?(_-?[0-9]+){1,2})?$"
_CURSOR = re.compile(CURSOR_PATTERN)
#: SQL's largest number.
_MAX = 2**63 - 1


def page(
    session: Session,
    wanted: AssetFilter,
    viewer: Viewer,
    *,
    sort: Sort = "newest",
    limit: int = 100,
    cursor: str = "",
    stacked: bool = False,
    more: Sequence[ColumnElement[bool]] = (),
) -> AssetList:
    """One page.

    Args:
        stacked: one tile a stack, its best.
        more: further conditions, of a search.

    Raises:
        InvalidRequest: the cursor is of another order, or the order of an album was asked for and not one album.
    """
    holds = [*conditions(wanted, viewer), *([Asset.on_top.is_(True)] if stacked else []), *more]
    total = session.scalar(select(func.count()).select_from(Asset).where(*holds)) or 0
    columns, is_down = ORDERS[sort]
    listed = _in_order(session, select(Asset).where(*holds), wanted, viewer, sort)
    if cursor:
        last = _read_cursor(cursor, len(columns))
        place = tuple_(*columns)
        listed = listed.where(place < tuple_(*last) if is_down else place > tuple_(*last))
    order = [column.desc() if is_down else column.asc() for column in columns]
    found = session.execute(listed.add_columns(*columns).order_by(*order).limit(limit)).all()
    rows = rows_of(session, [row[0] for row in found])
    following = (
        "_".join(f"{value:.17g}" if isinstance(value, float) else str(value) for value in found[-1][1:])
        if found
        else ""
    )
    return AssetList(assets=rows, total=total, next_cursor=following if len(found) == limit else None)


def rows_of(session: Session, assets: Sequence[Asset]) -> list[AssetRow]:
    """Light rows, in the order of the assets."""
    nos = [asset.no for asset in assets]
    said = func.coalesce(func.nullif(AssetText.caption, ""), AssetText.prompt)
    words: dict[int, str] = dict(
        session.execute(select(AssetText.asset_no, said).where(AssetText.asset_no.in_(nos))).tuples().all()
    )
    counts = _stack_counts(session, assets)
    return [row_view(each, words.get(each.no, ""), counts.get((each.owner, each.stack), 0)) for each in assets]


def rows_by_no(session: Session, nos: Sequence[int]) -> list[AssetRow]:
    """Light rows of these numbers, in their order; those that are gone are left out."""
    found = {asset.no: asset for asset in session.scalars(select(Asset).where(Asset.no.in_(nos)))}
    return rows_of(session, [found[no] for no in nos if no in found])


def one(session: Session, asset_id: str, viewer: Viewer) -> Asset:
    """An asset that a viewer may see, in the trash or not.

    Raises:
        NotFound: there is none, or it is not theirs to see. Gone: it was theirs, and was deleted for good.
    """
    found = session.scalars(select(Asset).where(Asset.id == asset_id, may_see(viewer))).one_or_none()
    # In the trash a thing is its owner's alone.
    if found is not None and (found.trashed_ms is None or found.owner == viewer.person or viewer.sees_all):
        return found
    purged = session.get(Purged, asset_id)
    if purged is not None and (purged.owner == viewer.person or viewer.sees_all):
        raise Gone(f"asset {asset_id} was deleted for good")
    raise NotFound(f"there is no asset {asset_id}")


def pictures_seen(session: Session, pictures: Collection[str], viewer: Viewer) -> set[str]:
    """Those of the pictures that an asset has which the viewer may see: what the rack sees, what is in albums they are in."""
    seen = select(Asset.picture).where(Asset.picture.in_(pictures), Asset.trashed_ms.is_(None), may_see(viewer))
    return set(session.scalars(seen))


def awaited_job(session: Session, asset: Asset) -> str:
    """The job, or the batch, that an asset waits for; "": none."""
    if asset.analysis != "waiting":
        return ""
    return session.scalar(select(AssetText.analysis_job).where(AssetText.asset_no == asset.no)) or ""


def check_trashed(session: Session, nos: Sequence[int]) -> None:
    """Make sure that all of these are in the trash.

    Raises:
        IllegalMove: one is not.
    """
    for some in in_chunks(nos):
        alive = session.scalar(select(Asset.id).where(Asset.no.in_(some), Asset.trashed_ms.is_(None)).limit(1))
        if alive is not None:
            raise IllegalMove(f"asset {alive} is not in the trash: put it there first (changes: trashed)", field="ids")


def whole(session: Session, asset: Asset, viewer: Viewer, analysis: AnalysisState | None = None) -> AssetView:
    """Everything about an asset.

    Args:
        analysis: how far its analysis is, where Redis knows better than the row.
    """
    tags = session.execute(
        select(Tag.name, AssetTag.source, AssetTag.score)
        .join(Tag, Tag.no == AssetTag.tag_no)
        .where(AssetTag.asset_no == asset.no, AssetTag.is_off.is_(False))
        .order_by(AssetTag.source.desc(), Tag.name)
    )
    albums = session.execute(
        select(Album.id, Album.name)
        .join(AlbumItem, AlbumItem.album_no == Album.no)
        .where(AlbumItem.asset_no == asset.no, albums_seen_by(viewer))
        .order_by(Album.name, Album.no)
    )
    pictures = select(AssetParent.picture).where(AssetParent.asset_no == asset.no)
    parents = select(Asset.id).where(Asset.picture.in_(pictures), may_see(viewer), Asset.trashed_ms.is_(None))
    return asset_view(
        asset,
        session.get_one(AssetText, asset.no),
        tags=[TagView(name=row.name, source=row.source, score=row.score) for row in tags],
        albums=[AlbumName(id=row.id, name=row.name) for row in albums],
        parents=list(session.scalars(parents.order_by(Asset.no))),
        stack_count=_stack_counts(session, [asset]).get((asset.owner, asset.stack), 0),
        analysis=analysis or asset.analysis,  # type: ignore[arg-type]
    )


def _in_order(session: Session, listed: Select[Any], wanted: AssetFilter, viewer: Viewer, sort: Sort) -> Select[Any]:
    if sort != "album":
        return listed
    albums = session.scalars(select(Album.no).where(Album.id.in_(wanted.album), albums_seen_by(viewer))).all()
    if len(albums) != 1:
        raise InvalidRequest("the order of an album needs one album: filter by its id", field="sort")
    return listed.join(AlbumItem, (AlbumItem.asset_no == Asset.no) & (AlbumItem.album_no == albums[0]))


def _read_cursor(cursor: str, length: int) -> list[float | int]:
    parts = cursor.split("_")
    if not _CURSOR.match(cursor) or len(parts) != length or "." in "".join(parts[1:]):
        raise InvalidRequest("cursor: this is none of this order; take next_cursor of the page before", field="cursor")
    values = [float(part) if "." in part or "e" in part else int(part) for part in parts]
    if any(abs(value) > _MAX for value in values):
        raise InvalidRequest("cursor: this is none; take next_cursor of the page before", field="cursor")
    return values


def _stack_counts(session: Session, assets: Sequence[Asset]) -> dict[tuple[str, str], int]:
    stacks = {asset.stack for asset in assets if asset.stack}
    if not stacks:
        return {}
    counted = (
        select(Asset.owner, Asset.stack, func.count())
        .where(Asset.stack.in_(stacks), Asset.trashed_ms.is_(None))
        .group_by(Asset.owner, Asset.stack)
    )
    return {(owner, stack): count for owner, stack, count in session.execute(counted)}
