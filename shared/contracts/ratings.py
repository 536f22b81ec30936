"""What this house says of a picture: how likely it is not safe for work, or why nobody can say yet."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.contracts.base import Frozen

#: What follows from a rating; a value of `DARKROOM_RATING`.
RatingMode = Literal["off", "label", "blur", "refuse"]


class RatingState(StrEnum):
    PENDING = "pending"
    RATED = "rated"
    FAILED = "failed"


class PictureRating(Frozen):
    """One picture's rating as it is kept."""

    state: RatingState = RatingState.PENDING
    #: Probability that it is not safe for work.
    nsfw: float | None = None
    #: Who says so.
    model: str = ""
    #: Of one that failed: the code and the words of its job's error, which tell nothing of the picture.
    why: str = ""
    #: Internal. The job that rates it.
    job: str = ""


class RatingView(Frozen):
    """A picture's rating as its owner sees it."""

    state: Literal["pending", "rated", "failed"] = Field(description="pending: a job of the house looks at it, or will")
    nsfw: float | None = Field(description="Probability that it is not safe for work; null: not rated yet")
    is_nsfw: bool | None = Field(description="Whether that is above this server's threshold")
    model: str | None
    why: str | None = Field(description="Of a rating that failed: why")
