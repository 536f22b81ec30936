"""`/v1/albums`: assets put together, in an order of their own or by rules; who else may see them."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.library import album_order, album_sharing, album_views, albums
from api.library.changing import Changed, Changes, Chosen, change, chosen
from api.library.filters import ALBUM_ID_PATTERN, AssetId
from api.requests.library import viewer
from api.requests.parsing import reads_request
from api.responses.accounts import answer
from api.services import services
from api.services.auth import environment_keys
from shared.contracts.base import Contract

blueprint = APIBlueprint("albums", __name__, abp_tags=[Tag(name="albums", description="Assets put together")])

MAX_PAGE = 1000
CHANGES = openapi.failures(400, 404, 409, 413, 415)


class AlbumPath(BaseModel):
    """An album's id."""

    album_id: str = Field(pattern=ALBUM_ID_PATTERN)


class PersonInAlbumPath(AlbumPath):
    """Somebody an album is shared with."""

    person: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")


class AlbumsQuery(BaseModel):
    """A page of albums."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Albums on a page")
    cursor: str = Field("", pattern="^[0-9]{0,18}$", description="`next_cursor` of the page before")


class Members(Contract):
    """Assets of an album."""

    ids: tuple[AssetId, ...] = Field(min_length=1, max_length=10_000)


@blueprint.get(
    "/v1/albums",
    summary="List albums",
    description="Your own and those that are shared with you. What is in one: `GET /v1/assets?album=<id>&sort=album`.",
    responses={"200": openapi.body("AlbumList", "Albums, the newest first"), **openapi.failures()},
)
@reads_request
def index(query: AlbumsQuery) -> Response:
    with services().library.database.reading() as session:
        return answer(album_views.page(session, viewer(), query.limit, query.cursor))


@blueprint.post(
    "/v1/albums",
    summary="Make an album",
    responses={"201": openapi.body("AlbumView", "Made", Location=openapi.LOCATION), **openapi.failures(400, 413, 415)},
)
@reads_request
def make(body: albums.NewAlbum) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        album = albums.make(session, body, who, ours.store.now_ms())
        shown = album_views.views(session, [album], who)[0]
    return answer(shown, 201, Location=f"/v1/albums/{shown.id}")


@blueprint.get(
    "/v1/albums/<album_id>",
    summary="Look at an album",
    responses={"200": openapi.body("AlbumView", "The album"), **openapi.failures(404)},
)
@reads_request
def read(path: AlbumPath) -> Response:
    who = viewer()
    with services().library.database.reading() as session:
        return answer(album_views.views(session, [albums.seen(session, path.album_id, who)], who)[0])


@blueprint.patch(
    "/v1/albums/<album_id>",
    summary="Change an album",
    description="With the `version` you saw, a change of somebody else meanwhile answers 409.",
    responses={"200": openapi.body("AlbumView", "As it is now"), **CHANGES},
)
@reads_request
def edit(path: AlbumPath, body: albums.AlbumChange) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        album = albums.owned(session, path.album_id, who)
        albums.edit(session, album, body, who, ours.store.now_ms())
        return answer(album_views.views(session, [album], who)[0])


@blueprint.delete(
    "/v1/albums/<album_id>",
    summary="Delete an album",
    description="What was in it stays.",
    responses={"204": {"description": "It is gone"}, **openapi.failures(404)},
)
@reads_request
def delete(path: AlbumPath) -> Response:
    with services().library.database.writing() as session:
        session.delete(albums.owned(session, path.album_id, viewer()))
    return Response(status=204)


@blueprint.post(
    "/v1/albums/<album_id>/assets",
    summary="Put assets into an album",
    description="At its end, in the order they are named; by ids or by filter. Yours only: what you add stays yours.",
    responses={"200": openapi.body("Changed", "What became of it"), **openapi.failures(400, 404, 410, 413, 415)},
)
@reads_request
def add(path: AlbumPath, body: Chosen) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        nos = chosen(session, body, who)
        return answer(change(session, nos, Changes(add_to_album=path.album_id), who, ours.store.now_ms()))


@blueprint.post(
    "/v1/albums/<album_id>/assets/remove",
    summary="Take assets out of an album",
    description="Its owner any, others what is theirs.",
    responses={"200": openapi.body("Changed", "What became of it"), **openapi.failures(400, 404, 413, 415)},
)
@reads_request
def remove(path: AlbumPath, body: Members) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        album = albums.to_add_to(session, path.album_id, who)
        nos = albums.removable(session, album, body.ids, who)
        changes = Changes(remove_from_album=path.album_id)
        shown: Changed = change(session, nos, changes, who, ours.store.now_ms())
    return answer(shown)


@blueprint.post(
    "/v1/albums/<album_id>/order",
    summary="Move assets within an album",
    responses={"200": openapi.body("AlbumView", "As it is now"), **openapi.failures(400, 404, 413, 415)},
)
@reads_request
def order(path: AlbumPath, body: album_order.Move) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        album = albums.owned(session, path.album_id, who)
        album_order.move(session, album, body, who, ours.store.now_ms())
        return answer(album_views.views(session, [album], who)[0])


@blueprint.post(
    "/v1/albums/<album_id>/shares",
    summary="Share an album with a person",
    description="They may see it, or add to it too. Asking again changes what they may.",
    responses={"200": openapi.body("AlbumView", "As it is now"), **openapi.failures(400, 404, 413, 415)},
)
@reads_request
def share(path: AlbumPath, body: album_sharing.Share) -> Response:
    ours, who = services(), viewer()
    if body.person not in dict(environment_keys(ours.settings)):
        ours.people.get(body.person)
    with ours.library.database.writing() as session:
        album = albums.owned(session, path.album_id, who)
        album_sharing.share(session, album, body, ours.store.now_ms())
        session.flush()
        return answer(album_views.views(session, [album], who)[0])


@blueprint.delete(
    "/v1/albums/<album_id>/shares/<person>",
    summary="Share an album no longer",
    description="What they added leaves with them. They may leave by themselves.",
    responses={"204": {"description": "It is not shared with them"}, **openapi.failures(404)},
)
@reads_request
def unshare(path: PersonInAlbumPath) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        find = albums.seen if path.person == who.person else albums.owned
        album_sharing.unshare(session, find(session, path.album_id, who), path.person, ours.store.now_ms())
    return Response(status=204)
