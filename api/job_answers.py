"""Job records as answers: how a job looks, its ETag, and how a request waits for it.

The one place that turns records into views, so that a queue position or an ETA is the same in every answer.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flask import Response, request

from api.changes import PACE_S
from api.services import Services
from shared import lifecycle
from shared.contracts.jobs import JOB_ID, JobRecord, JobView, QueuePlace, State, view
from shared.errors import IllegalMove, NotFound

#: What a waiter is told to do when all seats are taken.
SEATS_TAKEN_RETRY_S = 1
#: States in which nobody works on a job, so nobody else notices its deadline.
IDLE_STATES = (State.WAITING, State.QUEUED)


@dataclass(frozen=True)
class Wait:
    """What a waiting request got."""

    record: JobRecord
    #: Too many requests wait already, so this one did not.
    was_refused: bool = False


def fetch(services: Services, job_id: str) -> JobRecord:
    """A record as it stands; one whose deadline passed in the queue fails now.

    Raises:
        NotFound, Gone: no such job.
    """
    if not JOB_ID.match(job_id):
        raise NotFound(f"there is no job {job_id[:100]!r}")
    return settle(services, services.store.get(job_id))


def settle(services: Services, record: JobRecord) -> JobRecord:
    """Move an overdue job that nobody works on; others stay as they are."""
    # Our clock only guesses; the rule asks again by Redis' own.
    if record.state not in IDLE_STATES or not lifecycle.is_overdue(record, round(time.time() * 1000)):
        return record
    try:
        return services.store.move(record.id, lifecycle.overdue)
    except IllegalMove:
        return services.store.get(record.id)


def wait_until(services: Services, record: JobRecord, is_done: Callable[[JobRecord], bool], wait_s: float) -> Wait:
    """Hold the request until its job is done in this sense, or the time is up."""
    ends_at = time.monotonic() + min(wait_s, services.settings.max_wait_seconds)
    if wait_s <= 0 or is_done(record):
        return Wait(record)
    with services.changes.watch(record.id) as bell:
        if bell is None:
            return Wait(record, was_refused=True)
        while True:
            bell.clear()
            record = fetch(services, record.id)
            left_s = ends_at - time.monotonic()
            if is_done(record) or left_s <= 0:
                return Wait(record)
            bell.wait(min(left_s, PACE_S))


def has_ended(record: JobRecord) -> bool:
    """The usual sense of done."""
    return record.is_final


def views(services: Services, records: Iterable[JobRecord]) -> list[JobView]:
    """How records look to callers."""
    found = list(records)
    where = services.outlook.places(found)
    return [view(record, where.get(record.id)) for record in found]


def etag_of(shown: JobView, record: JobRecord) -> str:
    """Changes with the record, and with a queued job's place."""
    place = shown.queue or QueuePlace()
    return f"{record.version}-{record.state.value}-{'' if place.position is None else place.position}"


def answer(services: Services, waited: Wait, status: int = 200, **headers: str) -> Response:
    """One job; 304 where the caller knows it already."""
    shown = views(services, [waited.record])[0]
    response = Response(shown.model_dump_json(), status, mimetype="application/json")
    response.set_etag(etag_of(shown, waited.record))
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    if waited.was_refused:
        response.headers["Retry-After"] = str(SEATS_TAKEN_RETRY_S)
    if status == 200:
        response.make_conditional(request)
    return response


def known_to_caller(services: Services, record: JobRecord) -> bool:
    """Whether the caller's If-None-Match names the record as it stands."""
    if not request.if_none_match:
        return False
    return request.if_none_match.contains_weak(etag_of(views(services, [record])[0], record))


def many(services: Services, ids: Sequence[str]) -> Response:
    """The jobs of these ids in this order; what is not there is marked `unknown` or `gone`."""
    known = [job_id for job_id in ids if JOB_ID.match(job_id)]
    found = {r.id: settle(services, r) for r in services.store.get_many(known) if r is not None}
    shown = {job.id: job.model_dump(mode="json") for job in views(services, found.values())}
    expired = services.store.which_existed([job_id for job_id in known if job_id not in shown])
    rows = [shown.get(i) or {"id": i, "state": "gone" if i in expired else "unknown"} for i in ids]
    return Response(json.dumps({"jobs": rows}), mimetype="application/json")
