"""`GET /v1/queue`: what runs and what waits, everybody's. Of others' jobs one sees the size, and nothing of what they are."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.parsing import reads_request
from api.services import services
from api.services.auth import Caller, current_caller
from api.services.ownership import may_see
from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, QueuePlace, State
from shared.contracts.kinds import KIND_RULES, Kind

blueprint = APIBlueprint("queue", __name__, abp_tags=[Tag(name="queue", description="What runs and what waits")])

MAX_PAGE = 1000


class QueueQuery(BaseModel):
    """How much of the queue."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Queued jobs on a page")
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="`next_cursor` of the page before")


class QueueEntry(BaseModel):
    """One job that runs or waits. What stands behind `mine` is null in what is not the caller's to see."""

    kind: Kind
    size: str | None = Field(description="Width x height of the pictures it makes, in pixels; null: it makes none")
    units: int | None = Field(description="Steps times pictures; null: its time depends on more than can be counted")
    eta_s: float | None = Field(description="Seconds until its result; null: nothing honest can be said, or it runs")
    mine: bool
    id: str | None
    owner: str | None
    state: State | None
    model: str | None
    priority: Priority | None
    position: int | None = Field(description="Jobs of its model that will be taken before it; null while it runs")


class QueueView(BaseModel):
    """What runs, then what waits, each in the order of arrival."""

    running: list[QueueEntry]
    queued: list[QueueEntry]
    next_cursor: str | None = Field(None, description="Ask with this cursor for later jobs; null: there are none")


@blueprint.get(
    "/v1/queue",
    summary="What runs and what waits",
    description="Everybody's jobs in their order of arrival. Of others' one sees kind, size and ETA only; operators see all.",
    responses={"200": openapi.body("QueueView", "The queue"), **openapi.failures()},
)
@reads_request
def index(query: QueueQuery) -> Response:
    ours, caller = services(), current_caller()
    # What runs is at most a few passes of each worker, so it is not paged.
    running, _ = ours.store.in_order(State.RUNNING, MAX_PAGE, None)
    queued, cursor = ours.store.in_order(State.QUEUED, query.limit, int(query.cursor) if query.cursor else None)
    places = ours.forecast.places(queued)
    shown = QueueView(
        running=[entry_of(record, QueuePlace(), caller) for record in running],
        queued=[entry_of(record, places.get(record.id, QueuePlace()), caller) for record in queued],
        next_cursor=None if cursor is None else str(cursor),
    )
    return Response(shown.model_dump_json(), mimetype="application/json")


def entry_of(record: JobRecord, place: QueuePlace, caller: Caller) -> QueueEntry:
    """A job as this caller may see it in a queue. Pure."""
    cost = KIND_RULES[record.kind].cost(record.params)
    is_seen = may_see(caller, record.caller)
    return QueueEntry(
        kind=record.kind,
        size=cost.size if cost else None,
        units=cost.units if cost else None,
        eta_s=place.eta_s,
        mine=record.caller == caller.person,
        id=record.id if is_seen else None,
        owner=record.caller if is_seen else None,
        state=record.state if is_seen else None,
        model=record.model if is_seen else None,
        priority=record.priority if is_seen else None,
        position=place.position if is_seen else None,
    )
