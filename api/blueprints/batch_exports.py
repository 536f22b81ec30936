"""What a batch found out, to take away: JSON Lines, CSV, XMP sidecars, a row a form; and all its pictures on one."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.blueprints.batches import BatchPath
from api.requests.parsing import reads_request
from api.responses import exports
from api.responses.batch_sheet import MOST_FRAMES, batch_sheet
from api.responses.batches import etag_of
from api.services import services
from api.services.auth import current_caller

blueprint = APIBlueprint(
    "batch_exports", __name__, abp_tags=[Tag(name="batches", description="Many pictures, one request")]
)

#: Members read in one go.
AT_ONCE = 500
#: Format of a sheet → how Pillow is told to write it.
SHEET_FORMATS: dict[str, dict[str, Any]] = {"jpeg": {"quality": 90}, "png": {}}


class SheetQuery(BaseModel):
    """Which members' pictures, and as what."""

    model_config = ConfigDict(extra="forbid")

    start: int = Field(0, ge=0, le=10**9, description="Index of the first member")
    count: int = Field(100, ge=1, le=MOST_FRAMES, description="Members on the sheet")
    format: Literal["jpeg", "png"] = "jpeg"


@dataclass(frozen=True)
class Export:
    """One form of file."""

    #: Of the file's name, and of the route's.
    ending: str
    media_type: str
    write: Callable[[list[exports.Row]], str | bytes]
    #: For OpenAPI: what the route does, how the file is made, what it holds.
    summary: str
    description: str
    contents: str
    is_binary: bool = False


JSONL = Export(
    "jsonl",
    "application/jsonl",
    exports.jsonl,
    "Export as JSON Lines",
    "One member a line, in order, as they stand now.",
    "File name, caption, tags, rating, pictures, every answer, error",
)
CSV = Export(
    "csv",
    "text/csv",
    exports.csv_file,
    "Export as a table",
    "One member a row, in order, as they stand now. UTF-8 with a byte order mark, as spreadsheets want it.",
    "File name, caption, tags, rating, pictures, error",
)
SIDECARS = Export(
    "xmp.zip",
    "application/zip",
    exports.sidecars,
    "Export as XMP sidecars",
    "A zip with `<file name>.xmp` in its picture's folder for each member that was described; photo managers "
    "read them. Of two with one name the later has its index in front.",
    "Captions as dc:description, tags as dc:subject",
    is_binary=True,
)


def _add_view(export: Export) -> None:
    @reads_request
    def view(path: BatchPath) -> Response:
        return _file(path.batch_id, export)

    blueprint.get(
        f"/v1/batches/<batch_id>/export.{export.ending}",
        endpoint=f"as_{export.ending.replace('.', '_')}",
        summary=export.summary,
        description=export.description,
        responses=_described(export),
    )(view)


def _described(export: Export) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if export.is_binary else {"type": "string"}
    attachment = openapi.header("attachment, with a file name", required=True)
    return {
        "200": {
            "description": export.contents,
            "content": {export.media_type: {"schema": schema}},
            "headers": {"Content-Disposition": attachment},
        },
        **openapi.failures(404, 410),
    }


def _file(batch_id: str, export: Export) -> Response:
    """Read everything before the answer begins: a file that is cut short would look whole."""
    ours = services()
    batch = ours.ownership.batch(current_caller(), batch_id)
    rows = ours.members.all(batch.id)
    written: list[exports.Row] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        jobs = ours.members.jobs(batch, part)
        written += [exports.row_of(row, jobs[row.index]) for row in part]
    response = Response(export.write(written), mimetype=export.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{batch_id}.{export.ending}"'
    return response


for each in (JSONL, CSV, SIDECARS):
    _add_view(each)


@blueprint.get(
    "/v1/batches/<batch_id>/sheet",
    summary="All its pictures on one, labelled",
    description="Prompts with several seeds: a table with a row a prompt and model, a column a seed. Others: rows of tiles, each "
    "with its words. A member without a picture keeps its place and says why.",
    responses={
        "200": openapi.picture("The sheet", ("image/jpeg", "image/png"), ETag=openapi.ETAG),
        "304": openapi.not_modified(),
        **openapi.failures(404, 410),
    },
)
@reads_request
def sheet(path: BatchPath, query: SheetQuery) -> Response:
    ours = services()
    batch = ours.ownership.batch(current_caller(), path.batch_id)
    etag = f"{etag_of(batch)}-{query.start}-{query.count}-{query.format}"
    # Where pictures are rated, a sheet changes with what is said of them, too.
    if not ours.ratings.is_on and request.if_none_match.contains(etag):
        return Response(status=304, headers={"ETag": f'"{etag}"'})
    rows, _ = ours.members.page(batch.id, None, query.count, query.start)
    made = batch_sheet(ours, batch, rows, ours.members.jobs(batch, rows))
    data = io.BytesIO()
    made.save(data, query.format.upper(), **SHEET_FORMATS[query.format])
    response = Response(data.getvalue(), mimetype=f"image/{query.format}")
    response.set_etag(etag)
    return response
