"""`/v1/shares`: make links that need no key, list them, revoke them."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.blueprints.jobs import OWNER
from api.library import linked
from api.requests.library import viewer
from api.requests.parsing import reads_request
from api.services import Services, services
from api.services.auth import Caller, current_caller
from api.services.ownership import unknown
from shared.contracts.access import Role
from shared.contracts.audit import Deed
from shared.contracts.jobs import iso
from shared.contracts.share_links import SHARE_ID_PATTERN, Share, ShareList, ShareRequest, ShareView

blueprint = APIBlueprint("shares", __name__, abp_tags=[Tag(name="shares", description="Links that need no key")])

MAX_PAGE = 1000


class SharePath(BaseModel):
    """A link's id."""

    share_id: str = Field(pattern=SHARE_ID_PATTERN)


class SharesQuery(BaseModel):
    """Which links to list."""

    model_config = ConfigDict(extra="forbid")

    owner: str = Field("", max_length=100, description=OWNER)
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Links on a page")
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="`next_cursor` of the page before")


@blueprint.post(
    "/v1/shares",
    summary="Share a picture, an album or a batch",
    description="Makes a link that opens it without a key until it expires or is revoked. A link to a batch opens "
    "the pictures it made, not its prompts, its pictures to start from, or its jobs; one to an album those that are in it at "
    "each look, and nothing of what is said of them.",
    responses={
        "201": openapi.body("ShareView", "Made", Location=openapi.LOCATION),
        **openapi.failures(400, 403, 404, 410, 413, 415, 429),
    },
)
@reads_request
def create(body: ShareRequest) -> Response:
    ours, caller = services(), current_caller()
    _check(ours, caller, body)
    made = ours.shares.add(caller.person, body.opens, expires_in_s=body.expires_in_s)
    ours.audit.record(caller.as_actor, Deed.SHARE_ADDED, made.id, "done", **body.opens, expires_in_s=body.expires_in_s)
    response = _answer(ours, made, 201)
    response.headers["Location"] = f"/v1/shares/{made.id}"
    return response


@blueprint.get(
    "/v1/shares",
    summary="List links, newest first",
    responses={"200": openapi.body("ShareList", "Those that still open something"), **openapi.failures()},
)
@reads_request
def index(query: SharesQuery) -> Response:
    ours = services()
    owner = ours.ownership.listed(current_caller(), query.owner)
    found, cursor = ours.shares.page(owner, query.limit, int(query.cursor) if query.cursor else None)
    shown = ShareList(
        shares=[_view(ours, share) for share in found], next_cursor=None if cursor is None else str(cursor)
    )
    return Response(shown.model_dump_json(), mimetype="application/json")


@blueprint.get(
    "/v1/shares/<share_id>",
    summary="Read a link",
    responses={"200": openapi.body("ShareView", "The link"), **openapi.failures(404)},
)
@reads_request
def read(path: SharePath) -> Response:
    ours = services()
    return _answer(ours, _visible(ours, path.share_id))


@blueprint.delete(
    "/v1/shares/<share_id>",
    summary="Revoke a link",
    responses={"204": {"description": "It opens nothing from now on"}, **openapi.failures(404)},
)
@reads_request
def revoke(path: SharePath) -> Response:
    ours = services()
    share = _visible(ours, path.share_id)
    ours.shares.revoke(share)
    ours.audit.record(current_caller().as_actor, Deed.SHARE_REVOKED, share.id, person=share.person)
    return Response(status=204)


def _check(ours: Services, caller: Caller, body: ShareRequest) -> None:
    """Whether it is theirs to show to others; what others let them see is not."""
    if body.batch is not None:
        ours.ownership.batch(caller, body.batch)
    elif body.picture is not None:
        ours.ownership.picture(caller, body.picture)
        if not (caller.may(Role.OPERATOR) or ours.ownership.owns_picture(caller, body.picture)):
            raise unknown("picture", body.picture)
    else:
        with ours.library.database.reading() as session:
            if body.asset is not None:
                linked.check_asset(session, body.asset, viewer())
            else:
                linked.check_album(session, body.album or "", viewer())


def _visible(ours: Services, share_id: str) -> Share:
    share = ours.shares.get(share_id)
    ours.ownership.check(current_caller(), share.person, "share", share_id)
    return share


def _view(ours: Services, share: Share) -> ShareView:
    return ShareView(
        id=share.id,
        owner=share.person,
        url=ours.shares.address(share),
        picture=share.picture or None,
        batch=share.batch or None,
        asset=share.asset or None,
        album=share.album or None,
        created_at=iso(share.created_at_ms) or "",
        expires_at=iso(share.expires_at_ms) or "",
    )


def _answer(ours: Services, share: Share, status: int = 200) -> Response:
    return Response(_view(ours, share).model_dump_json(), status, mimetype="application/json")
