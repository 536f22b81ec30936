"""`/v1/assets`: pictures that stay. Lists, counts, one of them, where it comes from."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.library import analyses, assets, counts
from api.library.albums import expanded
from api.library.assets import CURSOR_PATTERN, Sort
from api.library.changing import BulkChange, Changes, Chosen, change, chosen
from api.library.counts import FACETS
from api.library.filters import ASSET_ID_PATTERN
from api.library.lineage import lineage
from api.library.sweep import purge
from api.library.undoing import undo
from api.requests.describing import jobs_looking_at
from api.requests.library import FilterQuery, viewer
from api.requests.parsing import reads_request
from api.responses.accounts import answer
from api.services import Services, services
from shared.contracts.base import Contract
from shared.errors import InvalidRequest

blueprint = APIBlueprint("assets", __name__, abp_tags=[Tag(name="assets", description="Pictures that stay")])

MAX_PAGE = 1000
#: Every one of these routes needs the database.
FAILURES = openapi.failures(404, 410)


class AssetPath(BaseModel):
    """An asset's id."""

    asset_id: str = Field(pattern=ASSET_ID_PATTERN)


class ListQuery(FilterQuery):
    """A page of assets."""

    sort: Sort = Field("newest", description="album: the order of the one album that is filtered by")
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Assets on a page")
    cursor: str = Field("", max_length=80, pattern=CURSOR_PATTERN, description="`next_cursor` of the page before")


class FacetQuery(FilterQuery):
    """Which facets."""

    facets: str = Field(
        "", max_length=200, pattern=r"^[a-z,]*$", description=f"Comma-separated, of {', '.join(FACETS)}; absent: all"
    )


class MonthPath(BaseModel):
    """A month."""

    month: str = Field(
        pattern="^(19[7-9][0-9]|[2-9][0-9]{3})(0[1-9]|1[0-2])$", description="Year × 100 + month, UTC: 202611"
    )


class UndoBody(Contract):
    """`POST /v1/assets/undo`."""

    undo: str = Field(pattern="^und_[0-9a-f]{32}$", description="The token of the change")


class Restored(BaseModel):
    """What was taken back."""

    restored: int = Field(description="Assets that are as they were")


class Purged(BaseModel):
    """What was deleted for good."""

    purged: int


@blueprint.get(
    "/v1/assets",
    summary="List assets",
    description="Light rows with a cursor and the total. What you may not see is not there.",
    responses={"200": openapi.body("AssetList", "A page"), **openapi.failures(400)},
)
@reads_request
def index(query: ListQuery) -> Response:
    who = viewer()
    with services().library.database.reading() as session:
        wanted = expanded(session, query.wanted(), who)
        found = assets.page(
            session, wanted, who, sort=query.sort, limit=query.limit, cursor=query.cursor, stacked=query.stacked
        )
    return answer(found)


@blueprint.get(
    "/v1/assets/facets",
    summary="How many assets have which value",
    responses={"200": openapi.body("Facets", "Counts, the most frequent first"), **openapi.failures(400)},
)
@reads_request
def facets(query: FacetQuery) -> Response:
    who, asked = viewer(), _facets(query.facets)
    with services().library.database.reading() as session:
        wanted = expanded(session, query.wanted(), who)
        return answer(counts.facets(session, wanted, who, asked, stacked=query.stacked))


@blueprint.get(
    "/v1/assets/buckets",
    summary="How many assets each month has",
    description="For a scroll bar over everything: the months first, each month's rows when they come into sight.",
    responses={"200": openapi.body("BucketList", "Months, the newest first"), **openapi.failures(400)},
)
@reads_request
def buckets(query: FilterQuery) -> Response:
    who = viewer()
    with services().library.database.reading() as session:
        wanted = expanded(session, query.wanted(), who)
        return answer(counts.months(session, wanted, who, stacked=query.stacked))


@blueprint.get(
    "/v1/assets/buckets/<month>",
    summary="Every asset of a month, packed",
    description="18 bytes an asset, big-endian, the newest first: 12 bytes of its id (`ast_` and their hexadecimal "
    "digits), seconds since the month began (4), width ÷ height in thousandths (2). Enough to lay out a whole month at once.",
    responses={
        "200": openapi.picture("The rows", ("application/octet-stream",)),
        **openapi.failures(400, 404),
    },
)
@reads_request
def bucket(path: MonthPath, query: FilterQuery) -> Response:
    who = viewer()
    with services().library.database.reading() as session:
        wanted = expanded(session, query.wanted(), who)
        rows = counts.packed_month(session, wanted, who, int(path.month), stacked=query.stacked)
    return Response(rows, mimetype="application/octet-stream")


@blueprint.get(
    "/v1/assets/<asset_id>",
    summary="Everything about an asset",
    responses={"200": openapi.body("AssetView", "The asset"), **FAILURES},
)
@reads_request
def read(path: AssetPath) -> Response:
    return _shown(services(), path.asset_id)


@blueprint.get(
    "/v1/assets/<asset_id>/lineage",
    summary="Where an asset comes from, and what became of it",
    responses={"200": openapi.body("Lineage", "Both ways"), **FAILURES},
)
@reads_request
def lines(path: AssetPath) -> Response:
    who = viewer()
    with services().library.database.reading() as session:
        return answer(lineage(session, assets.one(session, path.asset_id, who), who))


@blueprint.patch(
    "/v1/assets/<asset_id>",
    summary="Change an asset",
    responses={"200": openapi.body("AssetView", "As it is now"), **openapi.failures(400, 403, 404, 410, 413, 415)},
)
@reads_request
def edit(path: AssetPath, body: Changes) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        nos = chosen(session, Chosen(ids=(path.asset_id,)), who)
        change(session, nos, body, who, ours.store.now_ms())
    return _shown(ours, path.asset_id)


@blueprint.patch(
    "/v1/assets",
    summary="Change many assets",
    description="By ids or by filter; all of it happens, or nothing. The answer's token takes it back for 10 minutes.",
    responses={"200": openapi.body("Changed", "What became of it"), **openapi.failures(400, 403, 404, 410, 413, 415)},
)
@reads_request
def edit_many(body: BulkChange) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        nos = chosen(session, body, who)
        return answer(change(session, nos, body.changes, who, ours.store.now_ms()))


@blueprint.post(
    "/v1/assets/undo",
    summary="Take a change back",
    responses={"200": openapi.body("Restored", "Taken back"), **openapi.failures(400, 404, 410, 413, 415)},
)
@reads_request
def take_back(body: UndoBody) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        restored = undo(session, body.undo, viewer(), ours.store.now_ms())
    return answer(Restored(restored=restored))


@blueprint.delete(
    "/v1/assets/<asset_id>",
    summary="Put an asset into the trash",
    description="It stays there for 30 days. `POST /v1/assets/purge` deletes for good.",
    responses={"200": openapi.body("Changed", "It is in the trash"), **openapi.failures(404, 410)},
)
@reads_request
def trash(path: AssetPath) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.writing() as session:
        nos = chosen(session, Chosen(ids=(path.asset_id,)), who)
        return answer(change(session, nos, Changes(trashed=True), who, ours.store.now_ms()))


@blueprint.post(
    "/v1/assets/purge",
    summary="Delete assets of the trash for good",
    description="By ids or by filter (`trashed: true`). What is not in the trash is refused. Bytes that are nobody's then "
    "are freed.",
    responses={"200": openapi.body("Purged", "They are gone"), **openapi.failures(400, 404, 409, 410, 413, 415)},
)
@reads_request
def delete_for_good(body: Chosen) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        nos = chosen(session, body, viewer())
        assets.check_trashed(session, nos)
        gone = purge(session, nos, ours.store.now_ms())
    ours.library.sweep.give_back(gone)
    while ours.library.sweep.free_loose():
        pass
    return answer(Purged(purged=len(nos)))


def _shown(ours: Services, asset_id: str) -> Response:
    who = viewer()
    with ours.library.database.reading() as session:
        asset = assets.one(session, asset_id, who)
        records = jobs_looking_at(ours, assets.awaited_job(session, asset), asset.picture)
        return answer(assets.whole(session, asset, who, analyses.progress_of(asset.analysis, records)))


def _facets(text: str) -> list[counts.Facet]:
    asked = [part for part in text.split(",") if part]
    if unknown := [part for part in asked if part not in FACETS]:
        raise InvalidRequest(f"facets: there is no {unknown[0]!r}; there are {', '.join(FACETS)}", field="facets")
    return [each for each in FACETS if each in asked] or list(FACETS)
