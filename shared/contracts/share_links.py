"""Links that open a picture, an album, or what a batch made, to whoever has them: what is asked, what is kept, what is shown."""

import secrets
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from shared.contracts.base import Contract, Frozen
from shared.contracts.batches import BATCH_ID_PATTERN

PICTURE_ID_PATTERN = "^img_[0-9a-f]{32}$"
ASSET_ID_PATTERN, ALBUM_ID_PATTERN = "^ast_[0-9a-f]{24}$", "^alb_[0-9a-f]{24}$"
SHARE_ID_PATTERN = "^shr_[0-9a-f]{24}$"
#: A link's own life: a minute to a year, a week where nothing is said.
SHORTEST_S, USUAL_S, LONGEST_S = 60, 7 * 86400, 365 * 86400


def new_share_id() -> str:
    """96 random bits: nobody guesses another's."""
    return "shr_" + secrets.token_hex(12)


class ShareRequest(Contract):
    """`POST /v1/shares`: a picture, an asset, an album or a batch of one's own."""

    picture: Annotated[str, StringConstraints(pattern=PICTURE_ID_PATTERN)] | None = Field(
        None, description="The id of a picture that one may open"
    )
    batch: Annotated[str, StringConstraints(pattern=BATCH_ID_PATTERN)] | None = Field(
        None, description="The id of a batch: the link opens the pictures it made, and nothing else of it"
    )
    asset: Annotated[str, StringConstraints(pattern=ASSET_ID_PATTERN)] | None = Field(
        None, description="The id of an asset: the link opens its picture while the asset is there"
    )
    album: Annotated[str, StringConstraints(pattern=ALBUM_ID_PATTERN)] | None = Field(
        None, description="The id of an album: the link opens the pictures that are in it at each look"
    )
    expires_in_s: int = Field(USUAL_S, ge=SHORTEST_S, le=LONGEST_S, description="Seconds from now")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if len(self.opens) != 1:
            raise ValueError("give exactly one of picture, asset, album and batch")
        return self

    @property
    def opens(self) -> dict[str, str]:
        """What it is to open, by its kind."""
        named = {"picture": self.picture, "asset": self.asset, "album": self.album, "batch": self.batch}
        return {kind: any_id for kind, any_id in named.items() if any_id is not None}


class Share(Frozen):
    """One link as it is kept. It says what it opens; its address only proves who made it."""

    id: str
    #: Whose it is.
    person: str
    #: All of these but one are "".
    picture: str = ""
    batch: str = ""
    asset: str = ""
    album: str = ""
    created_at_ms: int
    expires_at_ms: int


class ShareView(BaseModel):
    """A link as its owner sees it."""

    id: str
    owner: str
    url: str = Field(description="Opens without a key, until it expires or is revoked")
    picture: str | None
    batch: str | None
    asset: str | None
    album: str | None
    created_at: str
    expires_at: str


class ShareList(BaseModel):
    """Links that still open something, newest first."""

    shares: list[ShareView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older links; null: there are none")


class SharedPicture(BaseModel):
    """One picture behind a link to a batch or an album."""

    url: str
    thumbnail: str
    width: int | None
    height: int | None


class SharedBatch(BaseModel):
    """What a link opens of a batch: the pictures it has made so far; of an album: those that are in it, in its order."""

    pictures: list[SharedPicture]
    next_cursor: str | None = Field(None, description="Ask with this cursor for later pictures; null: there are none")
