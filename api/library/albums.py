"""Albums: what is in them and in which order, their covers, and who else may see them or add to them.

An album's own order is a rank per item, so that moving one changes no other. What somebody adds to another's album stays
theirs: it is shown there, and leaves when they delete it. A rule album holds nothing: it shows what its search finds
among its owner's assets.
"""

import json
import secrets
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from api.library.filters import (
    ALBUM_ID_PATTERN,
    MAX_DEPTH,
    AssetFilter,
    AssetId,
    Viewer,
    album_named,
    albums_seen_by,
    may_see,
)
from api.library.query import BadQuery
from api.library.statements import in_chunks
from api.library.tables import Album, AlbumItem, AlbumShare, Asset
from api.library.terms import read_rules
from shared.contracts.base import Contract
from shared.errors import IllegalMove, InvalidRequest, NotFound, NotYours

AlbumId = Annotated[str, StringConstraints(pattern=ALBUM_ID_PATTERN)]
AlbumTitle = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: Albums of one person.
MAX_ALBUMS = 10_000


class Rules(Contract):
    """A saved search that an album shows."""

    q: str = Field("", max_length=1000, pattern=r"^[^\x00]*$", description="As in the search box")
    filter: AssetFilter = AssetFilter()

    @field_validator("q")
    @classmethod
    def _can_be_read(cls, q: str) -> str:
        try:
            read_rules(q)
        except BadQuery as exc:
            raise ValueError(exc.message) from exc
        return q

    @field_validator("filter")
    @classmethod
    def _leaves_room_to_be_nested(cls, wanted: AssetFilter) -> AssetFilter:
        if wanted.depth >= MAX_DEPTH:
            raise ValueError(f"a rule's filter nests at most {MAX_DEPTH - 1} deep")
        return wanted


class NewAlbum(Contract):
    """`POST /v1/albums`."""

    name: AlbumTitle
    description: str = Field("", max_length=2000, pattern=r"^[^\x00]*$")
    rules: Rules | None = Field(None, description="Makes it a rule album: it shows what these find, and holds nothing")


class AlbumChange(Contract):
    """`PATCH /v1/albums/{album_id}`; what is left out stays."""

    name: AlbumTitle | None = None
    description: str | None = Field(None, max_length=2000, pattern=r"^[^\x00]*$")
    rules: Rules | None = None
    cover: AssetId | None = Field(None, description="An asset of the album")
    version: int | None = Field(None, ge=0, description="The version you saw: 409 if it has changed since")


def make(session: Session, wanted: NewAlbum, viewer: Viewer, now_ms: int) -> Album:
    """A new album of this person.

    Raises:
        InvalidRequest: they have too many.
    """
    mine = session.scalar(select(func.count()).select_from(Album).where(Album.owner == viewer.person)) or 0
    if mine >= MAX_ALBUMS:
        raise InvalidRequest(f"you have {mine:,} albums, the limit is {MAX_ALBUMS:,}")
    album = Album(
        id="alb_" + secrets.token_hex(12),
        owner=viewer.person,
        name=wanted.name,
        description=wanted.description,
        rules=_as_stored(wanted.rules),
        created_ms=now_ms,
        changed_ms=now_ms,
        version=1,
    )
    session.add(album)
    session.flush()
    return album


def seen(session: Session, album_id: str, viewer: Viewer) -> Album:
    """An album that a viewer may see.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    found = session.scalars(select(Album).where(Album.id == album_id, albums_seen_by(viewer))).one_or_none()
    if found is None:
        raise NotFound(f"there is no album {album_id}")
    return found


def owned(session: Session, album_id: str, viewer: Viewer) -> Album:
    """An album that is a viewer's to change.

    Raises:
        NotFound: there is none that they may see. NotYours: they may see it, and it is somebody else's.
    """
    album = seen(session, album_id, viewer)
    if album.owner != viewer.person and not viewer.sees_all:
        raise NotYours(f"album {album_id} is {album.owner}'s: only they change it")
    return album


def to_add_to(session: Session, album_id: str, viewer: Viewer) -> Album:
    """An album that a viewer may add to.

    Raises:
        NotFound, NotYours: as `owned`. InvalidRequest: a rule album holds nothing.
    """
    album = seen(session, album_id, viewer)
    if may_of(session, album, viewer) == "view":
        raise NotYours(f"album {album_id} is {album.owner}'s, who lets you see it: ask to be let add to it")
    if album.rules is not None:
        raise InvalidRequest(f"album {album_id} shows what its rules find: nothing is put into it", field="album")
    return album


def may_of(session: Session, album: Album, viewer: Viewer) -> Literal["own", "add", "view"]:
    """What a viewer who sees an album may do with it."""
    if album.owner == viewer.person or viewer.sees_all:
        return "own"
    share = session.get(AlbumShare, (album.no, viewer.person))
    return "add" if share is not None and share.may == "add" else "view"


def edit(session: Session, album: Album, wanted: AlbumChange, viewer: Viewer, now_ms: int) -> None:
    """Change an album.

    Raises:
        IllegalMove: somebody changed it since. InvalidRequest: the cover is not in it, or it has no rules.
    """
    if wanted.version is not None and wanted.version != album.version:
        raise IllegalMove(f"album {album.id} has changed: it is at version {album.version}, not {wanted.version}")
    if wanted.rules is not None and album.rules is None:
        raise InvalidRequest("rules: this album holds what was put into it; make a new album of rules", field="rules")
    if wanted.cover is not None:
        album.cover_no = _cover(session, album, wanted.cover, viewer)
    if wanted.rules is not None:
        album.rules = _as_stored(wanted.rules)
    album.name = album.name if wanted.name is None else wanted.name
    album.description = album.description if wanted.description is None else wanted.description
    touch(album, now_ms)


def add(session: Session, album: Album, nos: Sequence[int], viewer: Viewer, now_ms: int) -> list[int]:
    """Put assets at the end, in this order; returns those that were not in it."""
    present: set[int] = set()
    for some in in_chunks(nos):
        inside = select(AlbumItem.asset_no).where(AlbumItem.album_no == album.no, AlbumItem.asset_no.in_(some))
        present |= set(session.scalars(inside))
    fresh = [no for no in nos if no not in present]
    last = session.scalar(select(func.max(AlbumItem.position)).where(AlbumItem.album_no == album.no)) or 0.0
    rows = [
        {"album_no": album.no, "asset_no": no, "position": last + place, "added_by": viewer.person, "added_ms": now_ms}
        for place, no in enumerate(fresh, 1)
    ]
    for some_rows in in_chunks(rows, 500):
        session.execute(insert(AlbumItem).values(list(some_rows)))
    if fresh:
        touch(album, now_ms)
    return fresh


def remove(session: Session, album: Album, nos: Sequence[int], viewer: Viewer, now_ms: int) -> list[Any]:
    """Take assets out: the album's owner any, others what is theirs; returns the rows that were."""
    removed: list[Any] = []
    for some in in_chunks(nos):
        inside = (AlbumItem.album_no == album.no) & AlbumItem.asset_no.in_(some)
        removed += session.execute(
            select(AlbumItem.asset_no, AlbumItem.position, AlbumItem.added_by, AlbumItem.added_ms).where(inside)
        ).all()
        session.execute(delete(AlbumItem).where(inside).execution_options(synchronize_session=False))
    if removed:
        touch(album, now_ms)
    return removed


def members(session: Session, album: Album, ids: Sequence[str], viewer: Viewer) -> list[int]:
    """The numbers of assets of an album, in the order they are named.

    Raises:
        NotFound: one is not in it, or not the viewer's to see.
    """
    rows = session.execute(
        select(Asset.id, Asset.no)
        .join(AlbumItem, AlbumItem.asset_no == Asset.no)
        .where(AlbumItem.album_no == album.no, Asset.id.in_(ids), may_see(viewer))
    )
    nos = {row.id: row.no for row in rows}
    if missing := [each for each in ids if each not in nos]:
        raise NotFound(f"there is no asset {missing[0]} in album {album.id}", field="ids")
    return [nos[each] for each in dict.fromkeys(ids)]


def removable(session: Session, album: Album, ids: Sequence[str], viewer: Viewer) -> list[int]:
    """The numbers of assets of an album that a viewer may take out: its owner any, others what is theirs.

    Raises:
        NotFound: one is not in it. NotYours: one is somebody else's, and so is the album.
    """
    nos = members(session, album, ids, viewer)
    if may_of(session, album, viewer) != "own":
        for some in in_chunks(nos):
            foreign = session.scalar(select(Asset.id).where(Asset.no.in_(some), Asset.owner != viewer.person).limit(1))
            if foreign is not None:
                raise NotYours(f"asset {foreign} is neither yours nor in an album of yours", field="ids")
    return nos


def touch(album: Album, now_ms: int) -> None:
    """It has changed."""
    album.changed_ms, album.version = now_ms, album.version + 1


def still_there(session: Session, album_nos: Collection[int], asset_nos: Collection[int]) -> set[tuple[int, int]]:
    """Which pairs an undone removal may put back: album and asset are there, and the pair is not."""
    albums = set(session.scalars(select(Album.no).where(Album.no.in_(album_nos))))
    assets: set[int] = set()
    inside: set[tuple[int, int]] = set()
    for some in in_chunks(sorted(asset_nos)):
        assets |= set(session.scalars(select(Asset.no).where(Asset.no.in_(some))))
        rows = session.execute(
            select(AlbumItem.album_no, AlbumItem.asset_no).where(
                AlbumItem.album_no.in_(albums), AlbumItem.asset_no.in_(some)
            )
        )
        inside |= set(rows.tuples().all())
    return {(album, asset) for album in albums for asset in assets} - inside


def _cover(session: Session, album: Album, asset_id: str, viewer: Viewer) -> int:
    if album.rules is None:
        return members(session, album, [asset_id], viewer)[0]
    found = session.scalar(select(Asset.no).where(Asset.id == asset_id, may_see(viewer)))
    if found is None:
        raise NotFound(f"there is no asset {asset_id}", field="cover")
    return found


def _as_stored(rules: Rules | None) -> dict[str, Any] | None:
    return None if rules is None else rules.model_dump(mode="json", exclude_defaults=True)


def expanded(session: Session, wanted: AssetFilter, viewer: Viewer) -> AssetFilter:
    """A filter whose rule album is replaced by what it stands for: its owner's assets that its rules find. Who looks sees
    of those what they may see anyway.

    Raises:
        InvalidRequest: a rule album stands beside others.
    """
    if not wanted.album:
        return wanted
    named = album_named(wanted.album)
    found = session.scalars(select(Album).where(named, Album.rules.is_not(None), albums_seen_by(viewer))).all()
    if not found:
        return wanted
    if len(wanted.album) > 1 or len(found) > 1:
        raise InvalidRequest(f"album: {found[0].name!r} is a rule album; ask for it alone", field="album")
    rules = Rules.model_validate_json(json.dumps(found[0].rules))
    owners = AssetFilter(owner=(found[0].owner,))
    scope = wanted.scope or "all"
    return wanted.model_copy(
        update={"album": (), "scope": scope, "also": (*wanted.also, rules.filter, read_rules(rules.q), owners)}
    )
