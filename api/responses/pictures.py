"""A stored picture as an answer: as it is or smaller, with an ETag that tells both apart.

Whether whoever asks may have it is asked before; this only shows it.
"""

from dataclasses import dataclass

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from api.services import Services
from shared.contracts.vision import DECODER_VERSION
from shared.pictures.pixels import NO_LIMITS, inspect


class SizeQuery(BaseModel):
    """How large to answer it."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(
        0,
        ge=0,
        le=4096,
        description="At most this wide (and 16,383 high), as WebP, never enlarged; 0: the stored bytes as they are",
    )


@dataclass(frozen=True)
class Caching:
    """How long an answer may be kept, by whom it may."""

    stored: str
    smaller: str
    vary: str = ""


def answer(ours: Services, image_id: str, data: bytes, width_px: int, caching: Caching) -> Response:
    """The picture's bytes, or a smaller WebP; 304 where its caller has it already.

    Raises:
        NotReady: there is no room to make a smaller one now.
    """
    etag = f"{image_id}-{width_px}-{DECODER_VERSION}" if width_px else image_id
    is_known = request.if_none_match.contains(etag)  # then nobody needs to make it smaller
    facts = inspect(data, NO_LIMITS)
    if width_px and not is_known:
        response = Response(ours.decoding.thumbnail(data, facts, width_px), mimetype="image/webp")
    else:
        response = Response(data, mimetype=facts.media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = caching.smaller if width_px else caching.stored
    response.headers["X-Content-Type-Options"] = "nosniff"
    if caching.vary:
        response.headers["Vary"] = caching.vary
    response.make_conditional(request)
    return response
