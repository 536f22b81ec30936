"""`/v1/images`: store a picture, get one, as it is or smaller."""

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import documents
from api.reading import read_body, reads_request
from api.services import services
from shared.artifact_store import ArtifactStore
from shared.errors import InvalidRequest, UnsupportedMedia
from shared.pixels import MEDIA_TYPES, PictureFacts, PictureLimits, decode, inspect, thumbnail, to_webp

blueprint = APIBlueprint("images", __name__, abp_tags=[Tag(name="images", description="Pictures in and out")])

#: An id names its bytes for ever, so an answer never goes stale.
FOR_EVER = "public, max-age=31536000, immutable"
#: Stored pictures were within the limits when they came in; reading them again only needs their header.
NO_LIMITS = PictureLimits(max_bytes=2**40, max_pixels=2**40)
BINARY = {"type": "string", "format": "binary"}


class ImagePath(BaseModel):
    """A picture's id."""

    image_id: str = Field(pattern="^img_[0-9a-f]{32}$")


class SizeQuery(BaseModel):
    """How large to answer it."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(
        0, ge=0, le=4096, description="At most this wide, as WebP, never enlarged; 0: the stored bytes as they are"
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
    description="As the raw body, or as the one file of a form. PNG, JPEG, WebP, GIF.",
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
        "201": documents.body("StoredImage", "Stored", Location=documents.LOCATION),
        **documents.failures(400, 413, 415, 507),
    },
)
@reads_request
def upload() -> Response:
    ours = services()
    data, claimed = _sent_picture()
    decode(data, ours.picture_limits, claimed_type=claimed)
    stored = _described(ours.artifacts.put(data), inspect(data, ours.picture_limits), len(data))
    response = Response(stored.model_dump_json(), 201, mimetype="application/json")
    response.headers["Location"] = stored.url
    return response


@blueprint.get(
    "/v1/images/<image_id>",
    summary="Get a picture",
    responses={
        "200": documents.picture(
            "The picture", tuple(MEDIA_TYPES.values()), ETag=documents.ETAG, Cache_Control=documents.CACHE
        ),
        "304": documents.not_modified(),
        **documents.failures(404, 410),
    },
)
@reads_request
def download(path: ImagePath, query: SizeQuery) -> Response:
    data, media_type = _bytes_of(services().artifacts, path.image_id, query.width)
    response = Response(data, mimetype=media_type)
    response.set_etag(f"{path.image_id}-{query.width}" if query.width else path.image_id)
    response.headers["Cache-Control"] = FOR_EVER
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response


def _bytes_of(artifacts: ArtifactStore, image_id: str, width_px: int) -> tuple[bytes, str]:
    data = artifacts.get(image_id)
    if not width_px:
        return data, inspect(data, NO_LIMITS).media_type
    return to_webp(thumbnail(decode(data, NO_LIMITS), width_px)), "image/webp"


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
