"""`GET /v1/search` and what looks alike: the search box over the library, similar pictures, duplicates."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.library import assets, duplicates
from api.library.albums import expanded
from api.library.duplicates import Notion
from api.library.filters import ASSET_ID_PATTERN, AssetFilter
from api.library.found_views import DuplicateGroups, FoundRow, SearchAnswer, SimilarAnswer, TermView, found_rows
from api.library.search import MOST, in_order
from api.library.terms import Wanted, read
from api.requests.library import FilterQuery, viewer
from api.requests.parsing import reads_request
from api.responses.accounts import answer
from api.services import services
from shared.errors import InvalidRequest

blueprint = APIBlueprint("search", __name__, abp_tags=[Tag(name="search", description="Finding pictures")])

#: A place in what was found; of a box that only filters, the cursor of a list.
CURSOR_PATTERN = r"^(-?[0-9]+(\.[0-9]+)?(_-?[0-9]+){0,2})?$"
Page = Annotated[int, Field(ge=1, le=MOST)]


class SearchQuery(FilterQuery):
    """The box, and a filter beside it; both must hold."""

    sort: Literal["relevance", "newest", "oldest"] = Field("relevance", description="Of what was found")
    limit: Page = Field(100, description="Assets on a page")
    cursor: str = Field("", max_length=80, pattern=CURSOR_PATTERN, description="`next_cursor` of the page before")


class SimilarPath(BaseModel):
    """An asset's id."""

    asset_id: str = Field(pattern=ASSET_ID_PATTERN)


class SimilarQuery(BaseModel):
    """How many."""

    limit: Page = 50


class DuplicatesQuery(FilterQuery):
    """Which notion, among which assets."""

    notion: Notion = Field("near", description="exact: the same pixels; near: saved again, smaller, brighter")
    limit: Page = Field(100, description="Groups on a page")
    cursor: str = Field("", pattern=r"^[0-9]{0,9}$", description="`next_cursor` of the page before")


@blueprint.get(
    "/v1/search",
    summary="Search the library",
    description="Words of caption, tags, prompt and note, what they mean, and what looks alike, in one order. A box without "
    "words is a list: see GET /v1/assets, which takes `q` too. What cannot be read is refused with the character (`at`).",
    responses={"200": openapi.body("SearchAnswer", "What was found"), **openapi.failures(400, 404, 410)},
)
@reads_request
def search(query: SearchQuery) -> Response:
    box = read(query.q)
    return answer(_found(query, box) if box.has_words or box.like else _listed(query, box))


@blueprint.get(
    "/v1/assets/<asset_id>/similar",
    summary="What looks like an asset",
    description="Of all that you may see, by what the house's tagger sees in a picture; the nearest first.",
    responses={"200": openapi.body("SimilarAnswer", "What looks like it"), **openapi.failures(404, 410)},
)
@reads_request
def similar(path: SimilarPath, query: SimilarQuery) -> Response:
    ours = services()
    found = ours.searching.similar(path.asset_id, viewer(), query.limit)
    with ours.library.database.reading() as session:
        return answer(SimilarAnswer(found=found_rows(session, found.hits), is_looked_at=not found.not_looked_at))


@blueprint.get(
    "/v1/assets/duplicates",
    summary="Pictures of yours that are nearly the same",
    description="By their fingerprints. Nothing is deleted: what you do with a group is yours to say. The same bytes are one "
    "asset anyway, and what only looks alike is in GET /v1/assets/{asset_id}/similar.",
    responses={
        "200": openapi.body("DuplicateGroups", "Groups, the one with the newest first"),
        **openapi.failures(400),
    },
)
@reads_request
def doubles(query: DuplicatesQuery) -> Response:
    who, start = viewer(), int(query.cursor or 0)
    with services().library.database.reading() as session:
        groups = duplicates.groups(session, query.notion, expanded(session, query.wanted(), who), who)
        page = groups[start : start + query.limit]
        rows = [assets.rows_by_no(session, group) for group in page]
    following = start + query.limit
    more = str(following) if following < len(groups) else None
    return answer(DuplicateGroups(notion=query.notion, groups=rows, total=len(groups), next_cursor=more))


def _found(query: SearchQuery, box: Wanted) -> SearchAnswer:
    if not query.cursor.isdigit() and query.cursor:
        raise InvalidRequest("cursor: this is none of a search; take next_cursor of the page before", field="cursor")
    ours, start = services(), int(query.cursor[:6] or 0)
    found = ours.searching.find(box, query.beside_the_box(), viewer(), is_stacked=query.stacked)
    with ours.library.database.reading() as session:
        hits = in_order(session, found.hits, query.sort)
        rows = found_rows(session, hits[start : start + query.limit])
    following = start + query.limit
    return SearchAnswer(
        found=rows,
        total=len(hits),
        next_cursor=str(following) if following < len(hits) else None,
        semantic=found.is_semantic,
        terms=_terms(box),
        ignored=list(box.query.ignored),
        filter=_shown(found.filter),
        not_looked_at=list(found.not_looked_at),
    )


def _listed(query: SearchQuery, box: Wanted) -> SearchAnswer:
    """A box that only filters is a list."""
    who, wanted = viewer(), query.wanted()
    with services().library.database.reading() as session:
        page = assets.page(
            session,
            expanded(session, wanted, who),
            who,
            sort="oldest" if query.sort == "oldest" else "newest",
            limit=query.limit,
            cursor=query.cursor,
            stacked=query.stacked,
        )
    return SearchAnswer(
        found=[FoundRow(asset=row, by=[]) for row in page.assets],
        total=page.total,
        next_cursor=page.next_cursor,
        semantic=False,
        terms=_terms(box),
        ignored=list(box.query.ignored),
        filter=_shown(wanted),
        not_looked_at=[],
    )


def _terms(box: Wanted) -> list[TermView]:
    return [TermView(text=term.text, at=term.at) for term in box.query.terms]


def _shown(filter: AssetFilter) -> dict[str, Any]:
    return filter.model_dump(mode="json", exclude_defaults=True)
