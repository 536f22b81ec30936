"""Links that open one picture, or what one batch made, to whoever has them: what is asked, what is kept, what is shown."""

import secrets
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from shared.contracts.base import Contract, Frozen
from shared.contracts.batches import BATCH_ID_PATTERN

PICTURE_ID_PATTERN = "^img_[0-9a-f]{32}$"
SHARE_ID_PATTERN = "^shr_[0-9a-f]{24}$"
#: A link's own life: a minute to a year, a week where nothing is said.
SHORTEST_S, USUAL_S, LONGEST_S = 60, 7 * 86400, 365 * 86400


def new_share_id() -> str:
    """96 random bits: nobody guesses another's."""
    return "shr_" + secrets.token_hex(12)


class ShareRequest(Contract):
    """`POST /v1/shares`: a picture or a batch of one's own."""

    picture: Annotated[str, StringConstraints(pattern=PICTURE_ID_PATTERN)] | None = Field(
        None, description="The id of a picture that one may open"
    )
    batch: Annotated[str, StringConstraints(pattern=BATCH_ID_PATTERN)] | None = Field(
        None, description="The id of a batch: the link opens the pictures it made, and nothing else of it"
    )
    expires_in_s: int = Field(USUAL_S, ge=SHORTEST_S, le=LONGEST_S, description="Seconds from now")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.picture is None) == (self.batch is None):
            raise ValueError("give exactly one of picture and batch")
        return self


class Share(Frozen):
    """One link as it is kept. It says what it opens; its address only proves who made it."""

    id: str
    #: Whose it is.
    person: str
    #: One of these is "".
    picture: str = ""
    batch: str = ""
    created_at_ms: int
    expires_at_ms: int


class ShareView(BaseModel):
    """A link as its owner sees it."""

    id: str
    owner: str
    url: str = Field(description="Opens without a key, until it expires or is revoked")
    picture: str | None
    batch: str | None
    created_at: str
    expires_at: str


class ShareList(BaseModel):
    """Links that still open something, newest first."""

    shares: list[ShareView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older links; null: there are none")


class SharedPicture(BaseModel):
    """One picture behind a link to a batch."""

    url: str
    thumbnail: str
    width: int | None
    height: int | None


class SharedBatch(BaseModel):
    """What a link to a batch opens: the pictures it has made so far, in the order of its members."""

    pictures: list[SharedPicture]
    next_cursor: str | None = Field(None, description="Ask with this cursor for later pictures; null: there are none")
