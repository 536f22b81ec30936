"""A stored picture as an answer: as it is, smaller or blurred, each with an ETag of its own; or withheld.

Whether whoever asks may have it is asked before; this decides only how it is shown, by what the house says of it
(`DARKROOM_RATING`). Where that says anything, nobody keeps an answer without asking again: a rating may still come.
"""

from dataclasses import dataclass, replace

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from api.services import Services
from shared.contracts.ratings import PictureRating
from shared.contracts.vision import DECODER_VERSION
from shared.errors import Withheld
from shared.pictures.blurring import LARGEST_PX, LEFT_PX, blurred
from shared.pictures.pixels import NO_LIMITS, PictureFacts, inspect
from shared.pictures.rating_rules import Verdict, reason, verdict
from shared.redis import keys
from shared.redis.client import redis_errors

#: Widths of which each picture's smaller one is kept once it was made: those that the page asks for. Of free widths there
#: would be thousands.
KEPT_WIDTHS_PX = (320, 640, 1280, 2048)
#: Seconds after which a picture that is not rated yet may be.
RATED_SOON_S = 2
#: What an answer says of the picture's rating: a probability, or pending, or failed.
RATING_HEADER = "Darkroom-Rating"


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


#: Each look asks here again; the ETag makes that cheap.
ASK_EACH_TIME = Caching("private, no-cache", "private, no-cache")


@dataclass(frozen=True)
class Shown:
    """One way to show a picture."""

    #: Differs from those of all other ways.
    etag: str
    width_px: int
    is_blurred: bool = False


def answer(
    ours: Services,
    image_id: str,
    data: bytes,
    width_px: int,
    caching: Caching,
    *,
    person: str,
    is_revealed: bool = False,
) -> Response:
    """The picture's bytes, or a smaller or a blurred WebP; 304 where its caller has it already.

    Args:
        person: at whose account it is rated, where it was not.
        is_revealed: its owner wants to see it unblurred.

    Raises:
        Withheld: this server does not show it, or does not know yet. HEAD, which shows nothing, is answered.
        NotReady: there is no room to make a smaller one now.
    """
    rating = ours.ratings.look(person, [image_id])[image_id] if ours.ratings.is_on else None
    found = _verdict(ours, rating)
    if found is Verdict.WITHHOLD and rating is not None and request.method != "HEAD":
        raise withheld(ours, image_id, rating)
    shown = _shown(image_id, width_px, is_blurred=found is Verdict.BLUR and not is_revealed)
    response = _bytes(ours, image_id, data, shown)
    response.set_etag(shown.etag)
    if rating is not None:
        caching = replace(ASK_EACH_TIME, vary=caching.vary)
        response.headers[RATING_HEADER] = rating.state.value if rating.nsfw is None else f"{rating.nsfw:.3f}"
    response.headers["Cache-Control"] = caching.smaller if width_px else caching.stored
    response.headers["X-Content-Type-Options"] = "nosniff"
    if caching.vary:
        response.headers["Vary"] = caching.vary
    response.make_conditional(request)
    return response


def tile(ours: Services, image_id: str, width_px: int, *, person: str) -> bytes:
    """A small WebP of a picture that is shown among others, as this server shows it: blurred where it blurs.

    Who may have it was asked before.

    Raises:
        Withheld: it is not shown, or nobody knows yet. NotFound, Gone: its bytes are not there. NotReady: there is no room.
    """
    rating = ours.ratings.look(person, [image_id])[image_id] if ours.ratings.is_on else None
    found = _verdict(ours, rating)
    if found is Verdict.WITHHOLD and rating is not None:
        raise withheld(ours, image_id, rating)
    data = ours.artifacts.get(image_id)
    facts = inspect(data, NO_LIMITS)
    if found is Verdict.BLUR:
        return blurred(_few_pixels(ours, image_id, data, facts), *facts.size, width_px)
    return _smaller(ours, image_id, data, facts, width_px)


def withheld(ours: Services, image_id: str, rating: PictureRating) -> Withheld:
    """Why a picture is not shown."""
    why = reason(rating, ours.settings.rating_threshold)
    return Withheld(
        f"picture {image_id} is withheld: {why}", retry_after_s=RATED_SOON_S if rating.nsfw is None else None
    )


def unshown(ours: Services, image_id: str, *, person: str, is_own: bool) -> Withheld | None:
    """Why a picture's stored bytes are not given to a person; None: they are. What is blurred, its owner may take."""
    if not ours.ratings.is_on:
        return None
    rating = ours.ratings.look(person, [image_id])[image_id]
    found = _verdict(ours, rating)
    if found is Verdict.WITHHOLD:
        return withheld(ours, image_id, rating)
    if found is Verdict.BLUR and not is_own:
        return Withheld(f"picture {image_id} is shown blurred, and is not yours to reveal")
    return None


def _verdict(ours: Services, rating: PictureRating | None) -> Verdict:
    if rating is None:
        return Verdict.SHOW
    return verdict(ours.settings.rating, rating, ours.settings.rating_threshold)


def _shown(image_id: str, width_px: int, *, is_blurred: bool) -> Shown:
    if is_blurred:
        return Shown(f"{image_id}-{width_px}-blurred-{DECODER_VERSION}", width_px, is_blurred=True)
    return Shown(f"{image_id}-{width_px}-{DECODER_VERSION}" if width_px else image_id, width_px)


def _bytes(ours: Services, image_id: str, data: bytes, shown: Shown) -> Response:
    is_known = request.if_none_match.contains(shown.etag)  # then nobody needs to make it
    facts = inspect(data, NO_LIMITS)
    if is_known:
        return Response(b"", mimetype="image/webp" if shown.width_px or shown.is_blurred else facts.media_type)
    if shown.is_blurred:
        few = _few_pixels(ours, image_id, data, facts)
        return Response(blurred(few, *facts.size, shown.width_px or LARGEST_PX), mimetype="image/webp")
    if shown.width_px:
        return Response(_smaller(ours, image_id, data, facts, shown.width_px), mimetype="image/webp")
    return Response(data, mimetype=facts.media_type)


def _smaller(ours: Services, image_id: str, data: bytes, facts: PictureFacts, width_px: int) -> bytes:
    if width_px not in KEPT_WIDTHS_PX:
        return ours.decoding.thumbnail(data, facts, width_px)
    size = f"{width_px}-{DECODER_VERSION}"
    known = ours.artifacts.smaller(image_id, size)
    if known is not None and _is_whole(known):
        return known
    made = ours.decoding.thumbnail(data, facts, width_px)
    ours.artifacts.put_smaller(image_id, size, made)
    return made


def _is_whole(webp: bytes) -> bool:
    """Whether a file is as long as its header says; a power cut may leave less."""
    return webp[:4] == b"RIFF" and len(webp) == 8 + int.from_bytes(webp[4:8], "little")


def _few_pixels(ours: Services, image_id: str, data: bytes, facts: PictureFacts) -> bytes:
    """What is left of a picture that is blurred, from the cache if it is there."""
    with redis_errors():
        known = ours.store.redis.get(keys.blurred(image_id))
    if known is not None:
        return bytes(known)
    few = ours.decoding.thumbnail(data, facts, LEFT_PX)
    with redis_errors():
        ours.store.redis.set(keys.blurred(image_id), few, ex=keys.BLURRED_TTL_S)
    return few
