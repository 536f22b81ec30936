"""Albums: assets many to many, in an order of their own; rule albums, which are a saved search; who else may see them."""

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.library.tables.assets import Asset
from api.library.tables.base import Ms, Number, Owner, PublicId, RowNumber, Table, Words


class Album(Table):
    """An album of one person."""

    __tablename__ = "albums"

    no: Mapped[RowNumber]
    #: `alb_` and 24 hexadecimal digits.
    id: Mapped[PublicId] = mapped_column(unique=True)
    owner: Mapped[Owner] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[Words]
    #: `{"filter": …, "q": …}` of a rule album; None: its assets are in `album_items`.
    rules: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: The asset on its cover; None: its first.
    cover_no: Mapped[int | None] = mapped_column(Number, ForeignKey(Asset.no, ondelete="SET NULL"))
    created_ms: Mapped[Ms]
    changed_ms: Mapped[Ms]
    #: Counts changes, so that two edits at once are noticed.
    version: Mapped[int] = mapped_column(default=1)


class AlbumItem(Table):
    """An asset in an album. It stays its owner's, and leaves when the owner lets go of it."""

    __tablename__ = "album_items"
    __table_args__ = (Index("ix_album_items_order", "album_no", "position", "asset_no"),)

    album_no: Mapped[int] = mapped_column(Number, ForeignKey(Album.no, ondelete="CASCADE"), primary_key=True)
    asset_no: Mapped[int] = mapped_column(
        Number, ForeignKey(Asset.no, ondelete="CASCADE"), primary_key=True, index=True
    )
    #: Rank in the album's own order; moving one changes no other.
    position: Mapped[float] = mapped_column(Float)
    added_by: Mapped[Owner]
    added_ms: Mapped[Ms]


class AlbumShare(Table):
    """Another person of the rack who may see an album, or add to it too."""

    __tablename__ = "album_shares"

    album_no: Mapped[int] = mapped_column(Number, ForeignKey(Album.no, ondelete="CASCADE"), primary_key=True)
    person: Mapped[Owner] = mapped_column(primary_key=True, index=True)
    #: view or add.
    may: Mapped[str] = mapped_column(String(8))
    created_ms: Mapped[Ms]
