"""What links open of the library, as it is at each look: one asset's picture, or the pictures of an album.

A link shows what its album's owner sees in it, and nothing of what is said of the pictures. What leaves the album, goes to
the trash or is deleted leaves the link too; so does what somebody added who may add no longer.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library import albums, assets
from api.library.albums import expanded
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.tables import Album, Asset
from api.library.views import AssetList
from shared.errors import NotFound, NotYours


def check_asset(session: Session, asset_id: str, viewer: Viewer) -> None:
    """Whether a viewer may make a link to an asset.

    Raises:
        NotFound, Gone: it is not there for them. NotYours: they may see it, and it is somebody else's.
    """
    asset = assets.one(session, asset_id, viewer)
    if asset.owner != viewer.person and not viewer.sees_all:
        raise NotYours(f"asset {asset_id} is {asset.owner}'s: only they make links to it", field="asset")
    if asset.trashed_ms is not None:
        raise NotFound(f"asset {asset_id} is in the trash: a link would open nothing", field="asset")


def check_album(session: Session, album_id: str, viewer: Viewer) -> None:
    """Whether a viewer may make a link to an album. Raises as `albums.owned`."""
    albums.owned(session, album_id, viewer)


def picture_of(session: Session, asset_id: str) -> str:
    """The picture of an asset that a link names.

    Raises:
        NotFound: it was deleted, or is in the trash.
    """
    found = session.scalar(select(Asset.picture).where(Asset.id == asset_id, Asset.trashed_ms.is_(None)))
    if found is None:
        raise NotFound(f"there is no asset {asset_id}")
    return found


def picture_in(session: Session, album_id: str, asset_id: str) -> str:
    """The picture of one asset of an album.

    Raises:
        NotFound: the album is gone, or the asset is not in it.
    """
    wanted, owner, _ = _shown_by(session, album_id)
    found = session.scalar(select(Asset.picture).where(Asset.id == asset_id, *conditions(wanted, owner)))
    if found is None:
        raise NotFound(f"there is no asset {asset_id} in album {album_id}")
    return found


def page_of(session: Session, album_id: str, limit: int, cursor: str) -> AssetList:
    """A page of an album, in its order; of a rule album the newest first.

    Raises:
        NotFound: the album is gone. InvalidRequest: the cursor is none.
    """
    wanted, owner, is_ruled = _shown_by(session, album_id)
    return assets.page(session, wanted, owner, sort="newest" if is_ruled else "album", limit=limit, cursor=cursor)


def _shown_by(session: Session, album_id: str) -> tuple[AssetFilter, Viewer, bool]:
    """What an album shows, to whom, and whether rules find it."""
    album = session.scalars(select(Album).where(Album.id == album_id)).one_or_none()
    if album is None:
        raise NotFound(f"there is no album {album_id}")
    owner = Viewer(album.owner)
    return expanded(session, AssetFilter(album=(album.id,)), owner), owner, album.rules is not None
