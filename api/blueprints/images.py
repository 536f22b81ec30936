"""`/v1/images`: store a picture, get one, as it is or smaller."""

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.kept_pictures import keep
from api.requests.parsing import read_body, reads_request
from api.services import Services, services
from shared.contracts.vision import DECODER_VERSION
from shared.errors import InvalidRequest, UnsupportedMedia
from shared.pictures.formats import MEDIA_TYPES, READ_HERE
from shared.pictures.pixels import NO_LIMITS, PictureFacts, inspect

blueprint = APIBlueprint("images", __name__, abp_tags=[Tag(name="images", description="Pictures in and out")])

#: An id names its bytes for ever, so an answer never goes stale.
FOR_EVER = "private, max-age=31536000, immutable"
#: A smaller one is made by our decoder, which may be mended.
FOR_A_DAY = "private, max-age=86400"
BINARY = {"type": "string", "format": "binary"}


class ImagePath(BaseModel):
    """A picture's id."""

    image_id: str = Field(pattern="^img_[0-9a-f]{32}$")


class SizeQuery(BaseModel):
    """How large to answer it."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(
        0,
        ge=0,
        le=4096,
        description="At most this wide (and 16,383 high), as WebP, never enlarged; 0: the stored bytes as they are",
    )


class StoredImage(BaseModel):
    """A picture that was stored."""

    id: str = Field(description="By content: the same bytes have the same id")
    url: str
    media_type: str
    width: int
    height: int
    size_bytes: int


@blueprint.post(
    "/v1/images",
    summary="Store a picture",
    description=f"As the raw body, or as the one file of a form. {READ_HERE}; width and height are the upright picture's.",
    request_body={
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"image": BINARY}, "required": ["image"]}
            },
            **{media_type: {"schema": BINARY} for media_type in MEDIA_TYPES.values()},
        },
    },
    responses={
        "201": openapi.body("StoredImage", "Stored", Location=openapi.LOCATION),
        **openapi.failures(400, 413, 415, 429, 507),
    },
)
@reads_request
def upload() -> Response:
    ours = services()
    ours.door.check()
    data, claimed = _sent_picture()
    facts = ours.decoding.check(data, ours.picture_limits, claimed)
    stored = _described(keep(ours, data), facts, len(data))
    response = Response(stored.model_dump_json(), 201, mimetype="application/json")
    response.headers["Location"] = stored.url
    return response


@blueprint.get(
    "/v1/images/<image_id>",
    summary="Get a picture",
    responses={
        "200": openapi.picture(
            "The picture", tuple(MEDIA_TYPES.values()), ETag=openapi.ETAG, Cache_Control=openapi.CACHE
        ),
        "304": openapi.not_modified(),
        **openapi.failures(404, 410),
    },
)
@reads_request
def download(path: ImagePath, query: SizeQuery) -> Response:
    etag = f"{path.image_id}-{query.width}-{DECODER_VERSION}" if query.width else path.image_id
    is_known = request.if_none_match.contains(etag)  # then nobody needs to make it
    data, media_type = _bytes_of(services(), path.image_id, 0 if is_known else query.width)
    response = Response(data, mimetype=media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = FOR_A_DAY if query.width else FOR_EVER
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response


def _bytes_of(ours: Services, image_id: str, width_px: int) -> tuple[bytes, str]:
    data = ours.artifacts.get(image_id)
    facts = inspect(data, NO_LIMITS)
    if not width_px:
        return data, facts.media_type
    return ours.decoding.thumbnail(data, facts, width_px), "image/webp"


def _sent_picture() -> tuple[bytes, str | None]:
    """The bytes of the body or of its one file, and the media type they claim."""
    if request.mimetype == "multipart/form-data":
        files = [file for _, file in request.files.items(multi=True)]
        if len(files) != 1:
            raise InvalidRequest(f"send exactly one file (got {len(files)})", field="image")
        return files[0].read(), files[0].mimetype or None
    if not request.mimetype.startswith("image/") and request.mimetype != "application/octet-stream":
        sent = request.mimetype or "no content type"
        raise UnsupportedMedia(f"send a picture (image/*) or a form with one file (got {sent})", field="image")
    data = read_body()
    if not data:
        raise InvalidRequest("the body is empty; send a picture", field="image")
    return data, request.mimetype


def _described(image_id: str, facts: PictureFacts, size_bytes: int) -> StoredImage:
    return StoredImage(
        id=image_id,
        url=f"/v1/images/{image_id}",
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        size_bytes=size_bytes,
    )
