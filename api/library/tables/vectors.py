"""What search keeps beside the assets: vectors, and whose words wait for the index.

The index of words itself is no table that SQLAlchemy knows (FTS5's, or a tsvector): see `text_index`.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from api.library.tables.assets import Asset
from api.library.tables.base import Number, PublicId, Table


class WordsDue(Table):
    """Assets whose words have changed since they were indexed; triggers write it."""

    __tablename__ = "words_due"

    asset_no: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)


class AssetVector(Table):
    """What one encoder makes of an asset: its words, or its looks."""

    __tablename__ = "asset_vectors"
    __table_args__ = (
        Index("ix_asset_vectors_state", "model", "state"),
        Index("ix_asset_vectors_change", "space", "change"),
    )

    asset_no: Mapped[int] = mapped_column(Number, ForeignKey(Asset.no, ondelete="CASCADE"), primary_key=True)
    #: The encoder, by its id in the catalogue.
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: words, or looks.
    what: Mapped[str] = mapped_column(String(8))
    #: due, sent (its job is under way), made, none (there is nothing to read in it) or failed.
    state: Mapped[str] = mapped_column(String(8), default="due")
    job: Mapped[PublicId] = mapped_column(default="", index=True)
    #: Which of the job's texts or pictures it is.
    place: Mapped[int] = mapped_column(default=0)
    #: Jobs that brought no vector.
    tries: Mapped[int] = mapped_column(default=0)
    #: Of the vector that is here; "": there is none. It stays while a newer one is due.
    space: Mapped[str] = mapped_column(String(160), default="")
    #: Grows with each vector that is written, over all spaces: readers look for what is above what they know.
    change: Mapped[int] = mapped_column(BigInteger, default=0)
    #: SHA-1 of the words it was made from; words that are the same need no new one.
    digest: Mapped[str] = mapped_column(String(40), default="")
    #: Little-endian float16, of length 1.
    halves: Mapped[bytes | None] = mapped_column(LargeBinary)
