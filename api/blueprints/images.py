"""`/v1/images`: store a picture, get one, as it is or smaller."""

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests import uploads
from api.requests.parsing import read_body, reads_request
from api.responses import pictures
from api.responses.pictures import Caching, SizeQuery
from api.responses.ratings import rating_views
from api.services import Services, services
from api.services.auth import Caller, current_caller
from shared.contracts.ratings import RatingView
from shared.errors import InvalidRequest, UnsupportedMedia, Withheld
from shared.pictures.formats import MEDIA_TYPES, READ_HERE
from shared.pictures.pixels import PictureFacts

blueprint = APIBlueprint("images", __name__, abp_tags=[Tag(name="images", description="Pictures in and out")])

#: An id names its bytes for ever, so an answer never goes stale; a smaller one is made by our decoder, which may be mended.
#: Private: no cache on the way may keep it for others, and a browser that several use must not show one the other's.
OWN = Caching(
    stored="private, max-age=31536000, immutable",
    smaller="private, max-age=86400",
    vary="Authorization, Cookie, X-Api-Key",
)
BINARY = {"type": "string", "format": "binary"}


class ImagePath(BaseModel):
    """A picture's id."""

    image_id: str = Field(pattern="^img_[0-9a-f]{32}$")


class PictureQuery(SizeQuery):
    """How large to answer it, and whether its owner lifts a blur."""

    reveal: bool = Field(False, description="Where this server blurs pictures: unblurred, for their owner only")


class KeepQuery(BaseModel):
    """Whether it stays."""

    model_config = ConfigDict(extra="forbid")

    keep: bool = Field(False, description="Make it an asset of the library, which stays until it is deleted")


class StoredImage(BaseModel):
    """A picture that was stored."""

    id: str = Field(description="By content: the same bytes have the same id")
    url: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    asset: str | None = Field(None, description="With `keep`: the asset that stands for it, see GET /v1/assets/{id}")
    rating: RatingView | None = Field(None, description="Where this server rates pictures: what it says of this one")


@blueprint.post(
    "/v1/images",
    summary="Store a picture",
    description=f"As the raw body, or as the one file of a form. {READ_HERE}; width and height are the upright picture's. It "
    "expires some time after its last use, unless `keep` (in the query, or a field of the form) says that it stays.",
    request_body={
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": BINARY, "keep": {"type": "boolean"}},
                    "required": ["image"],
                }
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
def upload(query: KeepQuery) -> Response:
    ours, caller = services(), current_caller()
    ours.door.check()
    data, claimed, name = _sent_picture()
    if _form_keeps() or query.keep:
        stored = _kept(ours, caller, data, claimed, name)
    else:
        facts = ours.decoding.check(data, ours.picture_limits, claimed)
        stored = _described(ours.ownership.store_picture(caller, data), facts, len(data))
    rating = rating_views(ours, [stored.id]).get(stored.id)
    stored = stored.model_copy(update={"rating": rating})
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
def download(path: ImagePath, query: PictureQuery) -> Response:
    ours = services()
    caller = current_caller()
    data = ours.ownership.picture(caller, path.image_id)
    if query.reveal and not ours.ownership.owns_picture(caller, path.image_id):
        raise Withheld(f"picture {path.image_id} is not yours to reveal", field="reveal")
    return pictures.answer(ours, path.image_id, data, query.width, OWN, person=caller.person, is_revealed=query.reveal)


def _kept(ours: Services, caller: Caller, data: bytes, claimed: str | None, name: str) -> StoredImage:
    looked = ours.decoding.look(data, ours.picture_limits, claimed)
    with ours.library.database.writing():
        pass  # a library that cannot be written now is told before anything is stored
    stored = ours.ownership.store_picture(caller, data)
    asset = uploads.keep(ours, caller, data, stored, looked, name)
    return _described(stored, looked.facts, len(data)).model_copy(update={"asset": asset})


def _form_keeps() -> bool:
    said = request.form.get("keep", "false") if request.mimetype == "multipart/form-data" else "false"
    if said.lower() not in ("true", "false", "1", "0"):
        raise InvalidRequest(f"keep: true or false, not {said[:50]!r}", field="keep")
    return said.lower() in ("true", "1")


def _sent_picture() -> tuple[bytes, str | None, str]:
    """The bytes of the body or of its one file, the media type they claim, and the file's name."""
    if request.mimetype == "multipart/form-data":
        files = [file for _, file in request.files.items(multi=True)]
        if len(files) != 1:
            raise InvalidRequest(f"send exactly one file (got {len(files)})", field="image")
        return files[0].read(), files[0].mimetype or None, files[0].filename or ""
    if not request.mimetype.startswith("image/") and request.mimetype != "application/octet-stream":
        sent = request.mimetype or "no content type"
        raise UnsupportedMedia(f"send a picture (image/*) or a form with one file (got {sent})", field="image")
    data = read_body()
    if not data:
        raise InvalidRequest("the body is empty; send a picture", field="image")
    return data, request.mimetype, ""


def _described(image_id: str, facts: PictureFacts, size_bytes: int) -> StoredImage:
    return StoredImage(
        id=image_id,
        url=f"/v1/images/{image_id}",
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        size_bytes=size_bytes,
    )
