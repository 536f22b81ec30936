"""`/v1/batches`: accept a batch, watch it, cancel it, resume what failed, delete it."""

import json
from typing import Literal

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.blueprints.jobs import OWNER, WaitQuery
from api.requests import batches as batch_acceptance
from api.requests.parsing import read_json, reads_request
from api.requests.scopes import within_scopes
from api.requests.submission import SubmitHeaders, idempotency
from api.responses import batches as batch_answers
from api.responses.waiting import news_since
from api.services import Services, services
from api.services.auth import current_caller
from shared.batches.store import refusals
from shared.batches.views import batch_view, member_view, planned_steps
from shared.contracts.audit import Deed
from shared.contracts.batch_records import BatchCheck, BatchRecord, BatchState, MemberState, PictureBounds
from shared.contracts.batches import BATCH_ID_PATTERN, BatchRequest
from shared.errors import Gone, NotFound
from shared.jobs import lifecycle

blueprint = APIBlueprint("batches", __name__, abp_tags=[Tag(name="batches", description="Many pictures, one request")])

MAX_PAGE = 1000
MAX_BATCHES_PAGE = 100
FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}
FORM_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "batch": {"type": "string", "description": "The JSON body without images, prompts and grid"},
        "files": FILES,
    },
}


class BatchPath(BaseModel):
    """A batch's id."""

    batch_id: str = Field(pattern=BATCH_ID_PATTERN)


class BatchesQuery(BaseModel):
    """Which batches to list."""

    model_config = ConfigDict(extra="forbid")

    owner: str = Field("", max_length=100, description=OWNER)
    limit: int = Field(20, ge=1, le=MAX_BATCHES_PAGE, description="Batches on a page")
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="`next_cursor` of the page before")


class MembersQuery(BaseModel):
    """Which members to list."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["", "waiting", "active", "succeeded", "failed", "cancelled"] = Field(
        "", description="Only members in this state"
    )
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Members on a page")
    cursor: str = Field("", pattern="^[0-9]{0,9}$", description="`next_cursor` of the page before")


@blueprint.post(
    "/v1/batches",
    summary="Start a batch",
    description="Many members, a chain of steps for each. Answers at once; a member that cannot run, such as a broken "
    "file, fails alone. Each step works on the current picture: what the last generating step made, else the member's.",
    request_body={
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": openapi.REF + "BatchRequest"}},
            "multipart/form-data": {"schema": FORM_SCHEMA},
        },
    },
    responses={
        "200": openapi.body("BatchCheck", "Of a dry run: what would be made"),
        "202": openapi.body("BatchView", "Accepted", Location=openapi.LOCATION, ETag=openapi.ETAG),
        **openapi.failures(400, 404, 409, 413, 415, 429, 507),
    },
)
@reads_request
def create(header: SubmitHeaders) -> Response:
    ours = services()
    if request.mimetype == "multipart/form-data":
        accepted = batch_acceptance.from_form(ours)
    else:
        accepted = batch_acceptance.from_json(ours, read_json(BatchRequest))
    return answer_new(ours, accepted, header)


@blueprint.get(
    "/v1/batches",
    summary="List batches, newest first",
    responses={"200": openapi.body("BatchList", "The batches"), **openapi.failures()},
)
@reads_request
def index(query: BatchesQuery) -> Response:
    ours = services()
    owner = ours.ownership.listed(current_caller(), query.owner)
    ids, cursor = ours.batches.page(query.limit, int(query.cursor) if query.cursor else None, owner)
    found = [each for each in ours.batches.read_many(ids) if each is not None]
    shown = [batch_view(*each).model_dump(mode="json") for each in found]
    return _json({"batches": shown, "next_cursor": None if cursor is None else str(cursor)})


@blueprint.get(
    "/v1/batches/<batch_id>",
    summary="Read a batch",
    description="With `wait`, holds the answer until all members have ended; with If-None-Match until anything changes.",
    responses={
        "200": openapi.body("BatchView", "The batch", ETag=openapi.ETAG, Retry_After=openapi.RETRY_AFTER),
        "304": openapi.not_modified(),
        **openapi.failures(404, 410),
    },
)
@reads_request
def read(path: BatchPath, query: WaitQuery) -> Response:
    ours = services()
    found = ours.ownership.counted_batch(current_caller(), path.batch_id)
    is_known = batch_answers.known_to_caller(found[0])
    is_done = news_since(found[0], is_known=is_known, is_over=batch_answers.is_over)
    return batch_answers.answer(batch_answers.wait_until(ours, found, is_done, query.wait))


@blueprint.get(
    "/v1/batches/<batch_id>/members",
    summary="List the members of a batch",
    responses={"200": openapi.body("MemberList", "The members"), **openapi.failures(404, 410)},
)
@reads_request
def members(path: BatchPath, query: MembersQuery) -> Response:
    ours = services()
    batch = ours.ownership.batch(current_caller(), path.batch_id)
    state = MemberState(query.state) if query.state else None
    rows, cursor = ours.members.page(batch.id, state, query.limit, int(query.cursor or 0))
    jobs = ours.members.jobs(batch, rows)
    shown = [member_view(row, jobs[row.index]).model_dump(mode="json") for row in rows]
    return _json({"members": shown, "next_cursor": None if cursor is None else str(cursor)})


@blueprint.post(
    "/v1/batches/<batch_id>/cancel",
    summary="Cancel a batch",
    description="Members that wait are cancelled at once, jobs that run stop at their next step. Asking twice is harmless.",
    responses={
        "200": openapi.body("BatchView", "It is over", ETag=openapi.ETAG),
        "202": openapi.body("BatchView", "Some jobs still stop", ETag=openapi.ETAG),
        **openapi.failures(404, 410),
    },
)
@reads_request
def cancel(path: BatchPath) -> Response:
    ours = services()
    _stop(ours, path.batch_id, Deed.BATCH_CANCELLED)
    is_over = ours.batches.get(path.batch_id).is_over
    return _answer(ours, path.batch_id, 200 if is_over else 202)


@blueprint.post(
    "/v1/batches/<batch_id>/resume",
    summary="Run failed and cancelled members again",
    description="From the step that stopped each; what succeeded is not done again. Members that can never run, such as "
    "broken files, stay failed.",
    responses={
        "202": openapi.body("BatchView", "They wait again", ETag=openapi.ETAG, Location=openapi.LOCATION),
        **openapi.failures(404, 409, 410),
    },
)
@reads_request
def resume(path: BatchPath) -> Response:
    ours = services()
    batch = ours.ownership.batch(current_caller(), path.batch_id)
    within_scopes(batch.steps, batch.priority)
    ours.batches.resume(path.batch_id, refusals(ours.members.refused(path.batch_id)))
    ours.ownership.tell(current_caller(), batch.caller, Deed.BATCH_RESUMED, batch.id)
    return _answer(ours, path.batch_id, 202, Location=f"/v1/batches/{path.batch_id}")


@blueprint.delete(
    "/v1/batches/<batch_id>",
    summary="Cancel and forget a batch",
    description="Its jobs and pictures stay until their own time is over.",
    responses={"204": {"description": "It is gone"}, **openapi.failures(404, 410)},
)
@reads_request
def delete(path: BatchPath) -> Response:
    ours = services()
    _stop(ours, path.batch_id, Deed.BATCH_DELETED)
    ours.batches.forget(path.batch_id)
    return Response(status=204)


def answer_new(ours: Services, accepted: batch_acceptance.Accepted, header: SubmitHeaders) -> Response:
    """Store what was accepted and show it; of a dry run, what would be made."""
    if accepted.is_dry:
        return Response(_check(ours, accepted.record).model_dump_json(), mimetype="application/json")
    stored, _ = ours.batches.create(
        accepted.record, accepted.members, idempotency=idempotency(header, accepted.body_hash)
    )
    return _answer(ours, stored.id, 202, Location=f"/v1/batches/{stored.id}")


def _check(ours: Services, record: BatchRecord) -> BatchCheck:
    limits = ours.picture_limits
    return BatchCheck(
        total=record.total,
        steps=planned_steps(record),
        pictures=PictureBounds(max_bytes=limits.max_bytes, max_pixels=limits.max_pixels),
    )


def _stop(ours: Services, batch_id: str, deed: Deed) -> None:
    """Make no more jobs of the caller's batch, then cancel those that were made; a second call finds what a first one left."""
    batch = ours.ownership.batch(current_caller(), batch_id)
    ours.ownership.tell(current_caller(), batch.caller, deed, batch_id)
    if ours.batches.stop(batch_id).state != BatchState.CANCELLING:
        return
    for job_id in ours.batches.live_jobs(batch_id):
        try:
            ours.store.move(job_id, lifecycle.cancel)
        except (NotFound, Gone):
            continue


def _answer(ours: Services, batch_id: str, status: int, **headers: str) -> Response:
    return batch_answers.answer(batch_answers.BatchWait(ours.batches.read(batch_id)), status, **headers)


def _json(body: dict[str, object]) -> Response:
    return Response(json.dumps(body), mimetype="application/json")
