"""`/s/<token>`: what a link opens, without a key: a picture, or those of an album or a batch, and never more than that.

Pictures of a batch are addressed by member and number, those of an album by asset: an id opens nothing by itself. Nothing is
kept by caches without asking here again: a link that was revoked or has expired ends at once.
"""

from html import escape
from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.library import linked
from api.requests.parsing import reads_request
from api.responses import pictures
from api.responses.pictures import ASK_EACH_TIME, SizeQuery
from api.services import Services, services
from api.services.share_links import nowhere
from shared.contracts.share_links import ASSET_ID_PATTERN, Share, SharedBatch, SharedPicture
from shared.errors import Gone, InvalidRequest, NotFound
from shared.pictures.formats import MEDIA_TYPES

blueprint = APIBlueprint("shared_links", __name__, abp_tags=[Tag(name="shares", description="Links that need no key")])

#: The address is the key: it goes into no other site's log and into no search engine.
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "X-Content-Type-Options": "nosniff"}
PAGE_POLICY = "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
THUMBNAIL_PX = 320
#: Of a batch a number of a member; of an album the cursor of a list.
CURSOR_PATTERN = r"^(-?[0-9]+(\.[0-9]+)?(_-?[0-9]+){0,2})?$"
MAX_PAGE = 500
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Darkroom</title>
</head>
<body>
{rows}
</body>
</html>
"""
ANSWER: dict[str, Any] = openapi.picture("Of a picture: its bytes", tuple(MEDIA_TYPES.values()))
ANSWER["content"]["application/json"] = {"schema": {"$ref": openapi.REF + "SharedBatch"}}
ANSWER["content"]["text/html"] = {"schema": {"type": "string"}}
ANSWER["headers"] = {"Cache-Control": openapi.CACHE}

PICTURE: dict[str, Any] = openapi.picture(
    "The picture", tuple(MEDIA_TYPES.values()), ETag=openapi.ETAG, Cache_Control=openapi.CACHE
)


class LinkPath(BaseModel):
    """The last part of a link."""

    token: str


class LinkedAssetPath(LinkPath):
    """An asset of a shared album."""

    asset_id: str = Field(pattern=ASSET_ID_PATTERN)


class LinkedPicturePath(LinkPath):
    """A picture of a shared batch."""

    member: int = Field(ge=0, le=10**9)
    number: int = Field(ge=0, le=10**6)


class LinkQuery(SizeQuery):
    """How large to answer a picture, or how much of a batch."""

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Members of a batch, or pictures of an album, on a page")
    cursor: str = Field("", max_length=80, pattern=CURSOR_PATTERN, description="`next_cursor` of the page before")


@blueprint.get(
    "/s/<token>",
    summary="Open a link",
    description="A picture's bytes, or the pictures of an album or a batch: JSON, for browsers a page. Needs no key.",
    responses={"200": ANSWER, "304": openapi.not_modified(), **openapi.failures(404)},
)
@reads_request
def opened(path: LinkPath, query: LinkQuery) -> Response:
    ours = services()
    share = ours.shares.opened(path.token)
    if share.picture or share.asset:
        return _picture(ours, share, share.picture or _in_library(ours, share, share.asset), query.width)
    found = _album(ours, share, path.token, query) if share.album else _pictures_of(ours, share, path.token, query)
    if request.accept_mimetypes.best_match(("application/json", "text/html"), "application/json") == "text/html":
        page = Response(_page(found), mimetype="text/html", headers=HEADERS)
        page.headers["Content-Security-Policy"] = PAGE_POLICY
    else:
        page = Response(found.model_dump_json(), mimetype="application/json", headers=HEADERS)
    page.headers["Cache-Control"] = "private, no-store"
    page.headers["Vary"] = "Accept"
    return page


@blueprint.get(
    "/s/<token>/<asset_id>",
    summary="Open a picture of a shared album",
    responses={"200": PICTURE, "304": openapi.not_modified(), **openapi.failures(404)},
)
@reads_request
def opened_asset(path: LinkedAssetPath, query: SizeQuery) -> Response:
    ours = services()
    share = ours.shares.opened(path.token)
    if not share.album:
        raise nowhere()
    return _picture(ours, share, _in_library(ours, share, path.asset_id), query.width)


@blueprint.get(
    "/s/<token>/<member>/<number>",
    summary="Open a picture of a shared batch",
    responses={"200": PICTURE, "304": openapi.not_modified(), **openapi.failures(404)},
)
@reads_request
def opened_picture(path: LinkedPicturePath, query: SizeQuery) -> Response:
    ours = services()
    share = ours.shares.opened(path.token)
    if not share.batch:
        raise nowhere()
    made = _made(ours, share, 1, path.member)[0].get(path.member, [])
    if path.number >= len(made):
        raise nowhere()
    return _picture(ours, share, str(made[path.number]["id"]), query.width)


def _picture(ours: Services, share: Share, image_id: str, width_px: int) -> Response:
    try:
        data = ours.artifacts.get(image_id)
    except (NotFound, Gone) as exc:
        raise nowhere() from exc
    response = pictures.answer(ours, image_id, data, width_px, ASK_EACH_TIME, person=share.person)
    response.headers.update(HEADERS)
    return response


def _in_library(ours: Services, share: Share, asset_id: str) -> str:
    """The picture of an asset that the link opens now."""
    with ours.library.database.reading() as session:
        try:
            if share.album:
                return linked.picture_in(session, share.album, asset_id)
            return linked.picture_of(session, asset_id)
        except NotFound as exc:
            raise nowhere() from exc


def _album(ours: Services, share: Share, token: str, query: LinkQuery) -> SharedBatch:
    with ours.library.database.reading() as session:
        try:
            page = linked.page_of(session, share.album, query.limit, query.cursor)
        except NotFound as exc:
            raise nowhere() from exc
    shown = [
        SharedPicture(
            url=f"/s/{token}/{row.id}",
            thumbnail=f"/s/{token}/{row.id}?width={THUMBNAIL_PX}",
            width=row.width,
            height=row.height,
        )
        for row in page.assets
    ]
    return SharedBatch(pictures=shown, next_cursor=page.next_cursor)


def _made(ours: Services, share: Share, limit: int, start: int) -> tuple[dict[int, list[dict[str, Any]]], int | None]:
    """What members of a shared batch made, from one on, and where the next page starts."""
    try:
        batch = ours.batches.get(share.batch)
    except (NotFound, Gone) as exc:
        raise nowhere() from exc
    rows, cursor = ours.members.page(batch.id, None, limit, start)
    jobs = ours.members.jobs(batch, rows)
    made = {
        row.index: [image for job in jobs[row.index] for image in (job.result or {}).get("images", ())] for row in rows
    }
    return made, cursor


def _pictures_of(ours: Services, share: Share, token: str, query: LinkQuery) -> SharedBatch:
    if query.cursor and not query.cursor.isdigit():
        raise InvalidRequest("cursor: this is none of a batch; take next_cursor of the page before", field="cursor")
    made, cursor = _made(ours, share, query.limit, int(query.cursor[:9] or 0))
    shown = [
        SharedPicture(
            url=f"/s/{token}/{member}/{number}",
            thumbnail=f"/s/{token}/{member}/{number}?width={THUMBNAIL_PX}",
            width=image.get("width"),
            height=image.get("height"),
        )
        for member, images in made.items()
        for number, image in enumerate(images)
    ]
    return SharedBatch(pictures=shown, next_cursor=None if cursor is None else str(cursor))


def _page(found: SharedBatch) -> str:
    rows = [
        f'<a href="{escape(each.url)}"><img src="{escape(each.thumbnail)}" alt="" loading="lazy"></a>'
        for each in found.pictures
    ]
    more = [f'<p><a href="?cursor={found.next_cursor}">more</a></p>'] if found.next_cursor else []
    return PAGE.format(rows="\n".join([*rows, *more]))
