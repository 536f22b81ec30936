"""`/v1/jobs`: read, poll, list, cancel, run again."""

import hashlib
import json
from typing import Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.parsing import reads_request
from api.requests.scopes import check_record
from api.responses import jobs as job_answers
from api.responses.previews import MARK_PATTERN, MOST_PREVIEWS, PreviewNow
from api.responses.waiting import news_since
from api.services import Services, services
from api.services.auth import UNLIMITED, current_caller
from shared.contracts.audit import Deed
from shared.contracts.batches import PREVIOUS
from shared.contracts.jobs import JOB_ID_PATTERN, JobRecord, JobView, State
from shared.errors import IllegalMove, InvalidRequest, Withheld
from shared.jobs import lifecycle

blueprint = APIBlueprint("jobs", __name__, abp_tags=[Tag(name="jobs", description="What became of what you sent")])

#: Most jobs in one poll, and on one page of the list.
MAX_IDS = 1000
MAX_PAGE = 1000
#: Whose things a list has.
OWNER = "Only this person's; operators and administrators see everybody's, others only their own"


class JobPath(BaseModel):
    """A job's id."""

    job_id: str = Field(pattern=JOB_ID_PATTERN)


class WaitQuery(BaseModel):
    """How long to hold the answer."""

    model_config = ConfigDict(extra="forbid")

    wait: float = Field(
        0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds to hold the answer until the job ends; with If-None-Match until anything changes. The "
        "server's own limit (60 by default) caps it",
    )


class ListQuery(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(extra="forbid")

    ids: str = Field(
        "",
        pattern=r"^[^\x00]*$",
        description=f"Up to {MAX_IDS} ids, comma-separated: these jobs in this order, nothing else",
    )
    previews: bool = Field(
        False,
        description=f"With ids: the newest previews of those that run, up to {MOST_PREVIEWS}; none where this server refuses "
        "what is not rated",
    )
    since: str = Field(
        "",
        pattern=MARK_PATTERN,
        description="With previews: the `mark` of the poll before; only those that changed come",
    )
    state: Literal["", "waiting", "queued", "running", "succeeded", "failed", "cancelled"] = Field(
        "", description="Only jobs in this state"
    )
    owner: str = Field("", max_length=100, description=OWNER)
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="Jobs on a page")
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="`next_cursor` of the page before")


class MissingJob(BaseModel):
    """A job that was asked for and is not there."""

    id: str
    state: str = Field(description="unknown: never existed; gone: its time is over", pattern="^(unknown|gone)$")


class JobList(BaseModel):
    """Several jobs."""

    jobs: list[JobView | MissingJob]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older jobs; null: there are none")
    previews: dict[str, PreviewNow] = Field(
        default_factory=dict,
        description="Where previews were asked for: by job, those that are new to the mark's holder",
    )
    mark: str | None = Field(None, description="Where previews were asked for: ask with it the next time")


@blueprint.get(
    "/v1/jobs/<job_id>",
    summary="Read a job",
    responses={
        "200": openapi.body("JobView", "The record", ETag=openapi.ETAG, Retry_After=openapi.RETRY_AFTER),
        "304": openapi.not_modified(),
        **openapi.failures(404, 410),
    },
)
@reads_request
def read(path: JobPath, query: WaitQuery) -> Response:
    ours = services()
    record = job_answers.fetch(ours, path.job_id)
    is_known = job_answers.known_to_caller(ours, record)
    is_done = news_since(record, is_known=is_known, is_over=job_answers.has_ended)
    return job_answers.answer(ours, job_answers.wait_until(ours, record, is_done, query.wait))


@blueprint.get(
    "/v1/jobs",
    summary="List jobs, or poll many at once",
    responses={"200": openapi.body("JobList", "The jobs"), **openapi.failures()},
)
@reads_request
def index(query: ListQuery) -> Response:
    ours = services()
    if query.since and not query.previews:
        raise InvalidRequest("since goes with previews=1: it says which of them you have", field="since")
    if query.ids:
        return job_answers.many(ours, _ids_of(query.ids), since=query.since if query.previews else None)
    if query.previews:
        raise InvalidRequest("previews goes with ids: name the jobs whose previews you want", field="previews")
    records, cursor = ours.store.page(
        State(query.state) if query.state else None,
        query.limit,
        int(query.cursor) if query.cursor else None,
        ours.ownership.listed(current_caller(), query.owner),
    )
    shown = [job.model_dump(mode="json") for job in job_answers.views(ours, records)]
    body = {"jobs": shown, "next_cursor": None if cursor is None else str(cursor)}
    return Response(json.dumps(body), mimetype="application/json")


@blueprint.delete(
    "/v1/jobs/<job_id>",
    summary="Cancel a job",
    description="A queued job ends at once, a running one at its next step; one that has ended stays as it is.",
    responses={
        "200": openapi.body("JobView", "It has ended", ETag=openapi.ETAG),
        "202": openapi.body("JobView", "It runs, and stops at its next step", ETag=openapi.ETAG),
        **openapi.failures(404, 410),
    },
)
@reads_request
def cancel(path: JobPath) -> Response:
    ours = services()
    record = ours.ownership.move(current_caller(), path.job_id, lifecycle.cancel)
    ours.ownership.tell(current_caller(), record.caller, Deed.JOB_CANCELLED, record.id)
    return job_answers.answer(ours, job_answers.Wait(record), 200 if record.is_final else 202)


@blueprint.post(
    "/v1/jobs/<job_id>/retry",
    summary="Run a failed or cancelled job again",
    description="Makes a new job with the same parameters and seed; `retry_of` and `retried_as` name each other. Asking "
    "twice gives the same new job: should that one fail too, retry that one.",
    responses={
        "202": openapi.body("JobView", "The new job", Location=openapi.LOCATION, ETag=openapi.ETAG),
        **openapi.failures(404, 409, 410, 429, 507),
    },
)
@reads_request
def retry(path: JobPath) -> Response:
    ours = services()
    again = run_again(ours, job_answers.fetch(ours, path.job_id))
    ours.ownership.tell(current_caller(), again.caller, Deed.JOB_CHANGED, path.job_id, retried_as=again.id)
    return job_answers.answer(ours, job_answers.Wait(again), 202, Location=f"/v1/jobs/{again.id}")


@blueprint.get(
    "/v1/jobs/<job_id>/preview",
    summary="The newest preview of a running job",
    responses={
        "200": openapi.picture("A small picture", ("image/webp",), Cache_Control=openapi.CACHE),
        **openapi.failures(404, 410),
    },
)
@reads_request
def preview(path: JobPath) -> Response:
    ours = services()
    record: JobRecord = job_answers.fetch(ours, path.job_id)
    if ours.settings.rating == "refuse":
        raise Withheld("previews are of pictures that nobody has rated: this server shows none (DARKROOM_RATING)")
    return Response(ours.store.preview(record.id), mimetype="image/webp", headers={"Cache-Control": "no-store"})


def run_again(ours: Services, record: JobRecord) -> JobRecord:
    """The job that runs in the place of an ended one, and belongs to the same person, whoever asked for it.

    Its id follows from the old one's, so that a request that is sent twice, or cut off between the steps, makes one job.

    Raises:
        IllegalMove: the old one has not ended, or it succeeded. And whatever `Dispatcher.submit` raises.
        ScopeExceeded: the caller's key is narrowed to less.
    """
    new_id = "job_" + hashlib.sha256(f"retry of {record.id}".encode()).hexdigest()[:24]
    lifecycle.retried(record, record.ended_at_ms, new_id=new_id)
    if record.params.get("image") == PREVIOUS:
        raise IllegalMove(f"job {record.id} never got the picture of the step before it: resume batch {record.batch}")
    asks = current_caller()
    is_own = asks.person == record.caller
    again = JobRecord(
        id=new_id,
        kind=record.kind,
        model=record.model,
        state=State.QUEUED,
        caller=record.caller,
        # Theirs of now; who asks for somebody else knows only what it was.
        weight=asks.weight if is_own else record.weight,
        priority=record.priority,
        params=record.params,
        max_attempts=ours.settings.max_attempts,
        queue=record.queue,
        batch_key=record.batch_key,
        retry_of=record.id,
        keep=record.keep,
    )
    check_record(again)
    allowed_ms = max(0, record.deadline_at_ms - record.created_at_ms)
    limits = asks.limits if is_own else UNLIMITED
    stored, _ = ours.dispatcher.submit(again, deadline_s=allowed_ms / 1000 or None, limits=limits)
    ours.store.move(record.id, lambda job, now_ms: lifecycle.retried(job, now_ms, new_id=new_id))
    return stored


def _ids_of(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",")]
    if len(ids) > MAX_IDS:
        raise InvalidRequest(f"ids: up to {MAX_IDS} in one poll, got {len(ids)}; ask in several", field="ids")
    return ids
