"""What the library remembers for itself: how far it has read, what can be undone, which bytes nobody names any more."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from api.library.tables.base import Json, Ms, Owner, PublicId, Table, Words


class Position(Table):
    """How far a reader has come; committed with what it read, so that a crash loses nothing and doubles nothing."""

    __tablename__ = "positions"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Words]


class Undo(Table):
    """How to take a bulk change back, until it expires."""

    __tablename__ = "undos"

    #: `und_` and 32 hexadecimal digits; whoever holds it and owns it may use it once.
    token: Mapped[PublicId] = mapped_column(primary_key=True)
    owner: Mapped[Owner]
    expires_ms: Mapped[Ms]
    #: What the assets were before; see `undo`.
    before: Mapped[Json]


class LoosePicture(Table):
    """A picture that lost its last asset here, or never had one; its bytes are freed if it is nobody's when it is due."""

    __tablename__ = "loose_pictures"

    picture: Mapped[PublicId] = mapped_column(primary_key=True)
    due_ms: Mapped[Ms]


class Purged(Table):
    """An asset that was deleted for good, so that no record brings it back and its id answers 410."""

    __tablename__ = "purged"

    id: Mapped[PublicId] = mapped_column(primary_key=True)
    owner: Mapped[Owner]
    purged_ms: Mapped[Ms]
