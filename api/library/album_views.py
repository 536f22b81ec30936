"""How albums look to callers, several at once, in a few looks."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.library.album_sharing import AlbumShareView
from api.library.albums import may_of
from api.library.filters import Viewer, albums_seen_by, may_see
from api.library.tables import Album, AlbumItem, AlbumShare, Asset
from shared.contracts.jobs import iso


class AlbumView(BaseModel):
    """An album as callers see it."""

    id: str
    name: str
    description: str
    owner: str
    kind: Literal["manual", "rules"]
    rules: dict[str, Any] | None
    cover: str | None = Field(description="An asset: the one that was chosen, else the first")
    count: int | None = Field(description="Assets in it that you may see; null for a rule album: ask /v1/assets?album=")
    shares: list[AlbumShareView] = Field(description="Only its owner sees them")
    may: Literal["own", "add", "view"]
    created_at: str
    changed_at: str
    version: int


class AlbumList(BaseModel):
    """Albums, the newest first."""

    albums: list[AlbumView]
    next_cursor: str | None = Field(description="Ask with this cursor for the next page; null: there is none")


def page(session: Session, viewer: Viewer, limit: int, cursor: str = "") -> AlbumList:
    """Albums that a viewer owns or is let see; operators see their own here, others' by id."""
    person = Viewer(viewer.person)
    listed = select(Album).where(albums_seen_by(person))
    if cursor:
        listed = listed.where(Album.no < int(cursor))
    found = session.scalars(listed.order_by(Album.no.desc()).limit(limit)).all()
    following = str(found[-1].no) if len(found) == limit else None
    return AlbumList(albums=views(session, found, viewer), next_cursor=following)


def views(session: Session, albums: Sequence[Album], viewer: Viewer) -> list[AlbumView]:
    """Albums as this viewer sees them."""
    nos = [album.no for album in albums]
    counts = dict(
        session.execute(
            select(AlbumItem.album_no, func.count())
            .join(Asset, Asset.no == AlbumItem.asset_no)
            .where(AlbumItem.album_no.in_(nos), Asset.trashed_ms.is_(None), may_see(viewer))
            .group_by(AlbumItem.album_no)
        )
        .tuples()
        .all()
    )
    covers = _covers(session, albums, viewer)
    shares: dict[int, list[AlbumShareView]] = {no: [] for no in nos}
    for row in session.scalars(select(AlbumShare).where(AlbumShare.album_no.in_(nos)).order_by(AlbumShare.person)):
        shares[row.album_no].append(AlbumShareView(person=row.person, may=row.may))  # type: ignore[arg-type]
    return [
        _view(album, may_of(session, album, viewer), counts.get(album.no, 0), covers.get(album.no), shares[album.no])
        for album in albums
    ]


def _view(
    album: Album, may: Literal["own", "add", "view"], count: int, cover: str | None, shares: list[AlbumShareView]
) -> AlbumView:
    return AlbumView(
        id=album.id,
        name=album.name,
        description=album.description,
        owner=album.owner,
        kind="manual" if album.rules is None else "rules",
        rules=album.rules,
        cover=cover,
        count=count if album.rules is None else None,
        shares=shares if may == "own" else [],
        may=may,
        created_at=iso(album.created_ms) or "",
        changed_at=iso(album.changed_ms) or "",
        version=album.version,
    )


def _covers(session: Session, albums: Sequence[Album], viewer: Viewer) -> dict[int, str]:
    """Album → the asset on its cover, as far as the viewer may see it: the one that was chosen, else the first."""
    is_there = (Asset.trashed_ms.is_(None), may_see(viewer))
    chosen = {album.no: album.cover_no for album in albums if album.cover_no is not None}
    ids = dict(
        session.execute(select(Asset.no, Asset.id).where(Asset.no.in_(chosen.values()), *is_there)).tuples().all()
    )
    found = {album: ids[no] for album, no in chosen.items() if no in ids}
    left = [album.no for album in albums if album.no not in found]
    place = func.row_number().over(partition_by=AlbumItem.album_no, order_by=(AlbumItem.position, AlbumItem.asset_no))
    ranked = (
        select(AlbumItem.album_no, Asset.id, place.label("place"))
        .join(Asset, Asset.no == AlbumItem.asset_no)
        .where(AlbumItem.album_no.in_(left), *is_there)
        .subquery()
    )
    firsts = session.execute(select(ranked.c.album_no, ranked.c.id).where(ranked.c.place == 1))
    return found | dict(firsts.tuples().all())
