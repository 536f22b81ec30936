"""What an `embed` job is asked and what it answers: vectors of words, or of pictures.

Two vectors can be compared where they are of one *space*: made by the same model, from the same weights, in the same way.
Its name says all three, so that vectors of yesterday's weights are never taken for today's.
"""

import base64
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: Of one job; a query is one text. Eight take MiniLM about 55 ms on one CPU thread.
MAX_TEXTS = 32
MAX_PICTURES = 16
#: An encoder reads the beginning of a longer text: MiniLM 256 words or parts of words.
MAX_TEXT_CHARS = 4000
#: What a longer vector of a picture is projected to.
FEATURE_DIMENSIONS = 256

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS)]


class EmbedParams(BaseModel):
    """Texts, or ids of stored pictures; one of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: tuple[Text, ...] = Field((), max_length=MAX_TEXTS)
    images: tuple[str, ...] = Field((), max_length=MAX_PICTURES)

    @model_validator(mode="after")
    def _one_of_the_two(self) -> "EmbedParams":
        if bool(self.texts) == bool(self.images):
            raise ValueError("give texts or images, one of the two")
        return self


class EmbedResult(BaseModel):
    """A vector for each text or picture, in their order."""

    model_config = ConfigDict(frozen=True)

    space: str = Field(description="Vectors of one space can be compared: model, version and weights")
    dimensions: int = Field(description="Numbers of a vector")
    vectors: tuple[str | None, ...] = Field(
        description="Base64 of little-endian float16, of length 1; null where a picture could not be read"
    )
    reasons: dict[str, str] = Field(default_factory=dict, description="Of those that are null, by their place")

    def rows(self) -> list[np.ndarray | None]:
        """The vectors as (dimensions,) fp32."""
        return [None if text is None else unpacked(text) for text in self.vectors]


def packed(vector: np.ndarray) -> str:
    """A vector as a record keeps it."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    """(dimensions,) fp32."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
