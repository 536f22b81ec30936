"""What a batch found out, to take away: JSON Lines, CSV, XMP sidecars."""

from collections.abc import Callable
from typing import Any

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api import openapi as documents
from api.blueprints.batches import BatchPath
from api.requests.parsing import reads_request
from api.responses import exports
from api.services import services

blueprint = APIBlueprint(
    "batch_exports", __name__, abp_tags=[Tag(name="batches", description="Many pictures, one request")]
)

#: Members read in one go.
AT_ONCE = 500


def _described(media_type: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if media_type == "application/zip" else {"type": "string"}
    attachment = documents.header("attachment, with a file name", required=True)
    return {
        "200": {
            "description": description,
            "content": {media_type: {"schema": schema}},
            "headers": {"Content-Disposition": attachment},
        },
        **documents.failures(404, 410),
    }


@blueprint.get(
    "/v1/batches/<batch_id>/export.jsonl",
    summary="Export as JSON Lines",
    description="One member a line, in order, as they stand now.",
    responses=_described("application/jsonl", "File name, caption, tags, rating, pictures, every answer, error"),
)
@reads_request
def as_jsonl(path: BatchPath) -> Response:
    return _file(path.batch_id, exports.jsonl, "application/jsonl", "jsonl")


@blueprint.get(
    "/v1/batches/<batch_id>/export.csv",
    summary="Export as a table",
    description="One member a row, in order, as they stand now. UTF-8 with a byte order mark, as spreadsheets want it.",
    responses=_described("text/csv", "File name, caption, tags, rating, pictures, error"),
)
@reads_request
def as_csv(path: BatchPath) -> Response:
    return _file(path.batch_id, exports.csv_file, "text/csv", "csv")


@blueprint.get(
    "/v1/batches/<batch_id>/export.xmp.zip",
    summary="Export as XMP sidecars",
    description="A zip with `<file name>.xmp` in its picture's folder for each member that was described; photo managers "
    "read them. Of two with one name the later has its index in front.",
    responses=_described("application/zip", "Captions as dc:description, tags as dc:subject"),
)
@reads_request
def as_sidecars(path: BatchPath) -> Response:
    return _file(path.batch_id, exports.sidecars, "application/zip", "xmp.zip")


def _file(batch_id: str, write: Callable[[list[exports.Row]], Any], media_type: str, ending: str) -> Response:
    """Read everything before the answer begins: a file that is cut short would look whole."""
    ours = services()
    batch = ours.batches.get(batch_id)
    rows = ours.members.all(batch.id)
    written: list[exports.Row] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        jobs = ours.members.jobs(batch, part)
        written += [exports.row_of(row, jobs[row.index]) for row in part]
    response = Response(write(written), mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{batch_id}.{ending}"'
    return response
