"""Who else of the rack may see an album, or add to it."""

from typing import Literal

from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.library.albums import touch
from api.library.filters import Text
from api.library.tables import Album, AlbumItem, AlbumShare, Asset
from shared.contracts.base import Contract
from shared.errors import InvalidRequest, NotFound


class Share(Contract):
    """Who else."""

    person: Text
    may: Literal["view", "add"] = "view"


class AlbumShareView(BaseModel):
    """Another person of the rack."""

    person: str
    may: Literal["view", "add"]


def share(session: Session, album: Album, wanted: Share, now_ms: int) -> None:
    """Let another person of the rack see an album, or add to it.

    Raises:
        InvalidRequest: it is their own.
    """
    if wanted.person == album.owner:
        raise InvalidRequest(f"person: {wanted.person} owns this album", field="person")
    row = session.get(AlbumShare, (album.no, wanted.person))
    if row is None:
        session.add(AlbumShare(album_no=album.no, person=wanted.person, may=wanted.may, created_ms=now_ms))
    else:
        row.may = wanted.may
    touch(album, now_ms)


def unshare(session: Session, album: Album, person: str, now_ms: int) -> None:
    """Take that back; what they added leaves with them.

    Raises:
        NotFound: it was not shared with them.
    """
    row = session.get(AlbumShare, (album.no, person))
    if row is None:
        raise NotFound(f"album {album.id} is not shared with {person!r}")
    session.delete(row)
    theirs = select(Asset.no).where(Asset.owner == person)
    session.execute(
        delete(AlbumItem)
        .where(AlbumItem.album_no == album.no, AlbumItem.asset_no.in_(theirs))
        .execution_options(synchronize_session=False)
    )
    touch(album, now_ms)
