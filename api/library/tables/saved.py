"""What a person saved to use again: searches, presets, and every prompt they ever sent."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.library.tables.base import Json, Ms, Owner, PublicId, RowNumber, Table, Words


class SavedSearch(Table):
    """A search with a name."""

    __tablename__ = "searches"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    no: Mapped[RowNumber]
    #: `sea_` and 24 hexadecimal digits.
    id: Mapped[PublicId] = mapped_column(unique=True)
    owner: Mapped[Owner]
    name: Mapped[str] = mapped_column(String(200))
    #: What stands in the search box.
    q: Mapped[Words]
    #: An `AssetFilter` beside it.
    filter: Mapped[Json]
    created_ms: Mapped[Ms]
    changed_ms: Mapped[Ms]


class Preset(Table):
    """Parameters of a form with a name."""

    __tablename__ = "presets"
    __table_args__ = (UniqueConstraint("owner", "kind", "name"),)

    no: Mapped[RowNumber]
    #: `pre_` and 24 hexadecimal digits.
    id: Mapped[PublicId] = mapped_column(unique=True)
    owner: Mapped[Owner]
    #: Of the jobs it is for, e.g. generate.
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    params: Mapped[Json]
    is_default: Mapped[bool] = mapped_column(default=False)
    created_ms: Mapped[Ms]
    changed_ms: Mapped[Ms]


class Prompt(Table):
    """A prompt that was sent, once however often; also those of jobs that failed."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("owner", "digest"), Index("ix_prompts_list", "owner", "last_ms", "no"))

    no: Mapped[RowNumber]
    #: `pro_` and 24 hexadecimal digits.
    id: Mapped[PublicId] = mapped_column(unique=True)
    owner: Mapped[Owner]
    #: SHA-256 of both prompts, hex.
    digest: Mapped[str] = mapped_column(String(64))
    prompt: Mapped[Words]
    negative_prompt: Mapped[Words]
    #: Of the last job that used it.
    model: Mapped[str] = mapped_column(String(128), default="")
    uses: Mapped[int] = mapped_column(default=1)
    first_ms: Mapped[Ms]
    last_ms: Mapped[Ms]
