"""`/v1/assets/export`: assets as a zip to take away, sent while it is made."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api import openapi
from api.library.changing import Chosen
from api.library.exporting import everything_of, fitting, numbers_of
from api.library.filters import Viewer
from api.library.views import AssetView
from api.requests.library import FilterQuery, viewer
from api.requests.parsing import reads_request
from api.responses.asset_export import exported
from api.responses.pictures import unshown
from api.services import Services, services
from shared.errors import DarkroomError

blueprint = APIBlueprint("asset_exports", __name__, abp_tags=[Tag(name="assets", description="Pictures that stay")])

ABOUT = (
    "A zip with each picture, an XMP sidecar beside it (caption, tags, stars, parameters), and `assets.jsonl` with everything, a "
    "line an asset. It is sent while it is made. A picture that cannot be given has a reason in its line (`missing`)."
)
ZIP: dict[str, Any] = {
    "description": "Pictures, sidecars, assets.jsonl",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {"Content-Disposition": openapi.header("attachment, with a file name", required=True)},
}


@blueprint.get(
    "/v1/assets/export",
    summary="Export assets",
    description=ABOUT,
    responses={"200": ZIP, **openapi.failures(400)},
)
@reads_request
def export(query: FilterQuery) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.reading() as session:
        nos = fitting(session, query.wanted(), who, stacked=query.stacked)
    return _sent(ours, nos, who)


@blueprint.post(
    "/v1/assets/export",
    summary="Export assets that are named",
    description=ABOUT + " By ids or by filter, of all that you may see.",
    responses={"200": ZIP, **openapi.failures(400, 404, 410, 413, 415)},
)
@reads_request
def export_chosen(body: Chosen) -> Response:
    ours, who = services(), viewer()
    with ours.library.database.reading() as session:
        nos = numbers_of(session, body, who)
    return _sent(ours, nos, who)


def _sent(ours: Services, nos: Sequence[int], who: Viewer) -> Response:
    """Nothing is read before the server asks for the first part, and nothing after it closes the answer."""

    def read(view: AssetView) -> bytes:
        refused: DarkroomError | None = unshown(ours, view.picture, person=who.person, is_own=view.owner == who.person)
        if refused is not None:
            raise refused
        return ours.artifacts.get(view.picture)

    views = everything_of(ours.library.database, nos, who)
    response = Response(exported(views, read), mimetype="application/zip")
    name = f"darkroom-{datetime.now(UTC):%Y-%m-%d}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
