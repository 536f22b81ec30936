"""What a rack tells of itself beside the moment: each worker's last hour, what happened of late, what its hosts found."""

from itertools import islice
from typing import Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.blueprints.workers import WorkerPath
from api.requests.parsing import reads_request
from api.services import services
from api.services.auth import current_caller
from api.services.ownership import may_see
from shared.contracts.jobs import iso
from shared.errors import NotFound
from shared.rack.doctor_reports import DoctorReports, FindingView
from shared.rack.happenings import Entry, Happenings
from shared.rack.series import EVERY_S, FIELDS, POINTS, Series

blueprint = APIBlueprint("rack", __name__, abp_tags=[Tag(name="rack", description="What the rack tells of itself")])

MAX_EVENTS = 1000


class SeriesQuery(BaseModel):
    """Since when."""

    model_config = ConfigDict(extra="forbid")

    since: int = Field(
        0, ge=0, le=2**53, description="Only points after this time (milliseconds since 1970): the newest known"
    )


class WorkerSeries(BaseModel):
    """A worker's last hour."""

    worker: str
    every_s: float = Field(description="Seconds between two points")
    fields: tuple[str, ...] = Field(description="What a point's numbers are, in their order")
    points: list[list[float | int | None]] = Field(
        description=f"The oldest first, up to {POINTS}; null: the driver does not say"
    )


class EventsQuery(BaseModel):
    """Which events."""

    model_config = ConfigDict(extra="forbid")

    after: str = Field("", pattern=r"^([0-9]{1,16}-[0-9]{1,16})?$", description="Only those newer than this id")
    limit: int = Field(200, ge=1, le=MAX_EVENTS, description="At most so many, the newest")


class EventView(BaseModel):
    """One thing that happened."""

    id: str
    at: str
    kind: str
    level: Literal["info", "warning", "error"]
    text: str = Field(description="In words; names in it are text of strangers, never markup")
    worker: str | None = None
    model: str | None = None
    job: str | None = None
    batch: str | None = None


class EventList(BaseModel):
    """The last day, the newest first, as far as the caller may see it."""

    events: list[EventView]
    newest: str | None = Field(description="Ask with it as `after` the next time; null: nothing happened yet")


class HostFindings(BaseModel):
    """What one host found when it looked at itself."""

    host: str
    at: str
    worst: Literal["ok", "note", "problem"]
    findings: tuple[FindingView, ...]


class DoctorList(BaseModel):
    """Every host that looked at itself of late."""

    hosts: list[HostFindings]


@blueprint.get(
    "/v1/workers/<name>/series",
    summary="A worker's last hour",
    description="Kept by the server, so a page that is loaded again has its curves; also of a worker that has just gone.",
    responses={"200": openapi.body("WorkerSeries", "The points"), **openapi.failures(404)},
)
@reads_request
def series(path: WorkerPath, query: SeriesQuery) -> Response:
    ours = services()
    known = Series(ours.store.redis).of(path.name)
    if not known and path.name not in {worker.name for worker in ours.registry.living()}:
        raise NotFound(f"there is no worker {path.name}, and there was none in the last hours", field="name")
    points = [point for point in known if (point[0] or 0) > query.since]
    return _json(WorkerSeries(worker=path.name, every_s=EVERY_S, fields=FIELDS, points=points))


@blueprint.get(
    "/v1/events",
    summary="What happened in the last day, in words",
    description="Workers that came, died or fell silent, models that moved, jobs that were taken over or had to give something "
    "up, batches that ended. What belongs to a person is shown to them and to operators.",
    responses={"200": openapi.body("EventList", "The events"), **openapi.failures()},
)
@reads_request
def events(query: EventsQuery) -> Response:
    caller = current_caller()
    happened = Happenings(services().store.redis).backwards(query.after)
    seen = (entry for entry in happened if not entry.owner or may_see(caller, entry.owner))
    found = [_event(entry) for entry in islice(seen, query.limit)]
    return _json(EventList(events=found, newest=found[0].id if found else query.after or None))


@blueprint.get(
    "/v1/doctor",
    summary="What each host found when it looked at itself",
    description="The findings of `darkroom doctor`; each host with workers looks every hour (DARKROOM_DOCTOR_EVERY_S).",
    responses={"200": openapi.body("DoctorList", "Every host"), **openapi.failures()},
)
@reads_request
def doctor() -> Response:
    reports = DoctorReports(services().store.redis).all()
    hosts = [
        HostFindings(host=each.host, at=iso(each.at_ms) or "", worst=each.worst, findings=each.findings)
        for each in reports
    ]
    return _json(DoctorList(hosts=hosts))


def _event(entry: Entry) -> EventView:
    named = {name: entry.facts.get(name) for name in ("worker", "model", "job", "batch")}
    return EventView(
        id=entry.id, at=iso(entry.at_ms) or "", kind=entry.kind, level=entry.level, text=entry.text, **named
    )


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), mimetype="application/json")
