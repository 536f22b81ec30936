"""Assets: pictures that stay, with what is said of them.

Two tables, one row each per asset: `assets` has what is filtered, sorted and counted, and its rows are short, so that a
look at all 100,000 of one person reads 15 MB; `asset_texts` has the words and the whole of the parameters.

Duplicates are per owner: the same bytes are one asset of each person who has them, and stored once.
"""

from sqlalchemy import BigInteger, Float, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from api.library.tables.base import Json, Ms, Number, Owner, PublicId, RowNumber, Table, Words


class Asset(Table):
    """A picture that belongs to somebody."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("owner", "picture"),
        # The list, newest first, with its total; the months of the scroll bar.
        Index("ix_assets_list", "owner", "trashed_ms", "created_ms", "no"),
        Index("ix_assets_tiles", "owner", "trashed_ms", "on_top", "created_ms", "no"),
        Index("ix_assets_months", "owner", "trashed_ms", "month", "created_ms", "no"),
        Index("ix_assets_stack", "stack", "owner", "trashed_ms"),
        # Of the few that are there alone: with the others in it SQLite would walk it to find what is *not* in the trash.
        Index(
            "ix_assets_trash",
            "trashed_ms",
            sqlite_where=text("trashed_ms IS NOT NULL"),
            postgresql_where=text("trashed_ms IS NOT NULL"),
        ),
        # Every column that facets count, so that they are counted without reading the rows.
        Index(
            "ix_assets_facets",
            "owner",
            "trashed_ms",
            "model",
            "kind",
            "origin",
            "stars",
            "favourite",
            "width",
            "height",
        ),
        # Of everybody: the list of a whole rack.
        Index("ix_assets_created", "created_ms", "no"),
        # Near-duplicates are looked for in one walk.
        Index("ix_assets_dhash", "owner", "dhash"),
        Index("ix_assets_visibility", "visibility", "created_ms"),
    )

    no: Mapped[RowNumber]
    #: `ast_` and 24 hexadecimal digits. Of a job's picture they follow from job and index, so that a job that is taken in
    #: twice makes one asset.
    id: Mapped[PublicId] = mapped_column(unique=True)
    owner: Mapped[Owner]
    #: The bytes: an id of the artifact store.
    picture: Mapped[PublicId] = mapped_column(index=True)
    #: How it came: job, upload or import.
    origin: Mapped[str] = mapped_column(String(8))
    #: What made it: the job's kind; of others their origin.
    kind: Mapped[str] = mapped_column(String(16))
    job: Mapped[PublicId] = mapped_column(default="", index=True)
    #: Which of the job's pictures.
    job_index: Mapped[int] = mapped_column(default=0)
    batch: Mapped[PublicId] = mapped_column(default="", index=True)
    #: Pictures of one batch or chain are one tile; "": it stands alone.
    stack: Mapped[PublicId] = mapped_column(default="")
    #: Whether it is the tile that stands for its stack, or stands alone.
    on_top: Mapped[bool] = mapped_column(default=True)

    model: Mapped[str] = mapped_column(String(128), default="")
    seed: Mapped[int | None] = mapped_column(BigInteger)
    steps: Mapped[int | None]
    guidance_scale: Mapped[float | None] = mapped_column(Float)
    scheduler: Mapped[str] = mapped_column(String(64), default="")
    #: Upright, in pixels.
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    media_type: Mapped[str] = mapped_column(String(32), default="image/png")
    #: Base64 of a thumbhash; "": not computed.
    thumbhash: Mapped[str] = mapped_column(String(64), default="")
    #: 64 bits of difference hash as a signed number; None: not computed.
    dhash: Mapped[int | None] = mapped_column(BigInteger)

    #: 0 (none given) to 5.
    stars: Mapped[int] = mapped_column(SmallInteger, default=0)
    favourite: Mapped[bool] = mapped_column(default=False)
    #: private, or rack: every person who is signed in.
    visibility: Mapped[str] = mapped_column(String(8), default="private")
    #: Probability that it is not safe for work; None: nobody has looked.
    nsfw: Mapped[float | None] = mapped_column(Float)
    has_caption: Mapped[bool] = mapped_column(default=False)
    has_parent: Mapped[bool] = mapped_column(default=False)
    #: none, waiting, running, done or failed; `asset_texts.analysis_reason` says why it failed.
    analysis: Mapped[str] = mapped_column(String(8), default="none")

    created_ms: Mapped[Ms]
    #: Year × 100 + month, UTC, of `created_ms`.
    month: Mapped[int]
    changed_ms: Mapped[Ms]
    #: When it went to the trash; None: it is not there.
    trashed_ms: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(default=1)


class AssetText(Table):
    """What is said of an asset in words; the text index reads this table."""

    __tablename__ = "asset_texts"

    asset_no: Mapped[int] = mapped_column(Number, ForeignKey(Asset.no, ondelete="CASCADE"), primary_key=True)
    prompt: Mapped[Words]
    negative_prompt: Mapped[Words]
    caption: Mapped[Words]
    #: auto or user; what a person wrote is never overwritten by an analysis.
    caption_source: Mapped[str] = mapped_column(String(8), default="auto")
    note: Mapped[Words]
    #: Its tags that are not taken away, one a line, for the text index; `tags.write_words` keeps it.
    tags: Mapped[Words]
    #: What the file was called, without folders.
    file_name: Mapped[str] = mapped_column(String(255), default="")
    #: Everything the job was asked, or what a foreign picture says of itself.
    params: Mapped[Json]
    #: What else is known: LoRAs, weights, the foreign text as it stood.
    details: Mapped[Json]
    #: The job that looks at it, or did last.
    analysis_job: Mapped[PublicId] = mapped_column(default="")
    analysis_reason: Mapped[Words]


class Tag(Table):
    """A tag's name, once: folded to lower case, single spaces."""

    __tablename__ = "tags"

    no: Mapped[RowNumber]
    name: Mapped[str] = mapped_column(String(100), unique=True)


class AssetTag(Table):
    """A tag of an asset. A person's word wins: `auto` never overwrites `user`, nor brings back what a person took away."""

    __tablename__ = "asset_tags"
    __table_args__ = (
        # All that facets count of an asset's tags.
        Index("ix_asset_tags_asset", "asset_no", "is_off", "tag_no"),
        {"sqlite_with_rowid": False},
    )

    tag_no: Mapped[int] = mapped_column(Number, ForeignKey(Tag.no), primary_key=True)
    asset_no: Mapped[int] = mapped_column(Number, ForeignKey(Asset.no, ondelete="CASCADE"), primary_key=True)
    #: auto or user.
    source: Mapped[str] = mapped_column(String(8))
    #: A person took it away; the row stays, so that no analysis brings it back.
    is_off: Mapped[bool] = mapped_column(default=False)
    #: Probability, where an engine gave one.
    score: Mapped[float | None] = mapped_column(Float)


class AssetParent(Table):
    """The picture an asset was made from. By picture, not by asset: the parent may be taken in later, or by another."""

    __tablename__ = "asset_parents"

    asset_no: Mapped[int] = mapped_column(Number, ForeignKey(Asset.no, ondelete="CASCADE"), primary_key=True)
    picture: Mapped[PublicId] = mapped_column(primary_key=True, index=True)
