"""`/v1/searches`, `/v1/presets`, `/v1/prompts`, `/v1/tags`: what a person saved or said before, to use again."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.library import saved, tag_lists
from api.library.tables import Preset, Prompt, SavedSearch
from api.requests.library import viewer
from api.requests.parsing import reads_request
from api.responses.accounts import answer
from api.services import services

blueprint = APIBlueprint(
    "saved", __name__, abp_tags=[Tag(name="saved", description="Searches, presets, prompts, tags")]
)

MAX_PAGE = 1000
MADE = openapi.failures(400, 409, 413, 415)
CHANGED = openapi.failures(400, 404, 409, 413, 415)


class SearchPath(BaseModel):
    """A saved search's id."""

    search_id: str = Field(pattern="^sea_[0-9a-f]{24}$")


class PresetPath(BaseModel):
    """A preset's id."""

    preset_id: str = Field(pattern="^pre_[0-9a-f]{24}$")


class PromptPath(BaseModel):
    """A prompt's id."""

    prompt_id: str = Field(pattern="^pro_[0-9a-f]{24}$")


class PromptsQuery(BaseModel):
    """A page of prompts."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field("", max_length=300, pattern=r"^[^\x00]*$", description="Only those that have this text in them")
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Prompts on a page")
    cursor: str = Field("", pattern="^([0-9]{1,18}_[0-9]{1,18})?$", description="`next_cursor` of the page before")


class TagsQuery(BaseModel):
    """Which tags."""

    model_config = ConfigDict(extra="forbid")

    prefix: str = Field("", max_length=100, pattern=r"^[^\x00]*$", description="Only those that begin so")
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Tags at most")


@blueprint.get(
    "/v1/searches",
    summary="List saved searches",
    responses={"200": openapi.body("SearchList", "By name"), **openapi.failures()},
)
@reads_request
def searches() -> Response:
    with services().library.database.reading() as session:
        return answer(saved.searches_of(session, viewer().person))


@blueprint.post(
    "/v1/searches",
    summary="Save a search",
    responses={"201": openapi.body("SearchView", "Saved", Location=openapi.LOCATION), **MADE},
)
@reads_request
def save_search(body: saved.NewSearch) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        shown = saved.search_view(saved.make_search(session, body, viewer().person, ours.store.now_ms()))
    return answer(shown, 201, Location=f"/v1/searches/{shown.id}")


@blueprint.get(
    "/v1/searches/<search_id>",
    summary="Look at a saved search",
    responses={"200": openapi.body("SearchView", "The search"), **openapi.failures(404)},
)
@reads_request
def search(path: SearchPath) -> Response:
    with services().library.database.reading() as session:
        return answer(saved.search_view(saved.found(session, SavedSearch, path.search_id, viewer().person, "search")))


@blueprint.patch(
    "/v1/searches/<search_id>",
    summary="Change a saved search",
    responses={"200": openapi.body("SearchView", "As it is now"), **CHANGED},
)
@reads_request
def edit_search(path: SearchPath, body: saved.SearchChange) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        row = saved.found(session, SavedSearch, path.search_id, viewer().person, "search")
        saved.change_search(session, row, body, ours.store.now_ms())
        return answer(saved.search_view(row))


@blueprint.delete(
    "/v1/searches/<search_id>",
    summary="Delete a saved search",
    responses={"204": {"description": "It is gone"}, **openapi.failures(404)},
)
@reads_request
def delete_search(path: SearchPath) -> Response:
    with services().library.database.writing() as session:
        session.delete(saved.found(session, SavedSearch, path.search_id, viewer().person, "search"))
    return Response(status=204)


@blueprint.get(
    "/v1/presets",
    summary="List presets",
    responses={"200": openapi.body("PresetList", "By kind and name"), **openapi.failures()},
)
@reads_request
def presets() -> Response:
    with services().library.database.reading() as session:
        return answer(saved.presets_of(session, viewer().person))


@blueprint.post(
    "/v1/presets",
    summary="Save parameters",
    responses={"201": openapi.body("PresetView", "Saved", Location=openapi.LOCATION), **MADE},
)
@reads_request
def save_preset(body: saved.NewPreset) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        shown = saved.preset_view(saved.make_preset(session, body, viewer().person, ours.store.now_ms()))
    return answer(shown, 201, Location=f"/v1/presets/{shown.id}")


@blueprint.get(
    "/v1/presets/<preset_id>",
    summary="Look at a preset",
    responses={"200": openapi.body("PresetView", "The preset"), **openapi.failures(404)},
)
@reads_request
def preset(path: PresetPath) -> Response:
    with services().library.database.reading() as session:
        return answer(saved.preset_view(saved.found(session, Preset, path.preset_id, viewer().person, "preset")))


@blueprint.patch(
    "/v1/presets/<preset_id>",
    summary="Change a preset",
    responses={"200": openapi.body("PresetView", "As it is now"), **CHANGED},
)
@reads_request
def edit_preset(path: PresetPath, body: saved.PresetChange) -> Response:
    ours = services()
    with ours.library.database.writing() as session:
        row = saved.found(session, Preset, path.preset_id, viewer().person, "preset")
        saved.change_preset(session, row, body, ours.store.now_ms())
        return answer(saved.preset_view(row))


@blueprint.delete(
    "/v1/presets/<preset_id>",
    summary="Delete a preset",
    responses={"204": {"description": "It is gone"}, **openapi.failures(404)},
)
@reads_request
def delete_preset(path: PresetPath) -> Response:
    with services().library.database.writing() as session:
        session.delete(saved.found(session, Preset, path.preset_id, viewer().person, "preset"))
    return Response(status=204)


@blueprint.get(
    "/v1/prompts",
    summary="List prompts that were sent",
    description="Every one, once however often, also those of jobs that failed.",
    responses={"200": openapi.body("PromptList", "The last used first"), **openapi.failures()},
)
@reads_request
def prompts(query: PromptsQuery) -> Response:
    with services().library.database.reading() as session:
        return answer(saved.prompts_page(session, viewer().person, query.limit, query.cursor, query.words))


@blueprint.delete(
    "/v1/prompts/<prompt_id>",
    summary="Forget a prompt",
    description="Pictures that were made from it stay as they are.",
    responses={"204": {"description": "It is gone"}, **openapi.failures(404)},
)
@reads_request
def forget_prompt(path: PromptPath) -> Response:
    with services().library.database.writing() as session:
        session.delete(saved.found(session, Prompt, path.prompt_id, viewer().person, "prompt"))
    return Response(status=204)


@blueprint.get(
    "/v1/tags",
    summary="List tags",
    description="Those of your own assets, for completing what is typed.",
    responses={"200": openapi.body("TagList", "The most frequent first"), **openapi.failures()},
)
@reads_request
def tags(query: TagsQuery) -> Response:
    with services().library.database.reading() as session:
        return answer(tag_lists.tags_of(session, viewer().person, query.prefix, query.limit))
