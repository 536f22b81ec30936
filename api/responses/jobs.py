"""Job records as answers: how a job looks, its ETag, and when a waiting request has what it waits for.

The one place that turns records into views, so that a queue position or an ETA is the same in every answer.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf

from flask import Response

from api.responses import previews
from api.responses.ratings import rated_count, with_ratings
from api.responses.waiting import Waited, answer_of, hold, is_known
from api.services import Services
from api.services.auth import current_caller
from shared.contracts.jobs import JOB_ID, JobRecord, JobView, QueuePlace, State, view
from shared.errors import IllegalMove, NotFound
from shared.jobs import lifecycle

#: States in which nobody works on a job, so nobody else notices its deadline.
IDLE_STATES = (State.WAITING, State.QUEUED)
#: Pause between two looks at a deadline that has passed by our clock and not yet by Redis'.
OVERDUE_LOOK_S = 0.2

#: A job, and whether the request that asked for it found a seat to wait on.
Wait = Waited[JobRecord]


def fetch(ours: Services, job_id: str) -> JobRecord:
    """The caller's record as it stands; one whose deadline passed in the queue fails now.

    Raises:
        NotFound, Gone: no such job of theirs.
    """
    if not JOB_ID.match(job_id):
        raise NotFound(f"there is no job {job_id[:100]!r}")
    return settle(ours, ours.ownership.job(current_caller(), job_id))


def again(ours: Services, record: JobRecord) -> JobRecord:
    """The same record as it stands now: whose it is was asked before, and never changes.

    Raises:
        Gone: its time is over meanwhile.
    """
    return settle(ours, ours.store.get(record.id))


def settle(ours: Services, record: JobRecord) -> JobRecord:
    """Move an overdue job that nobody works on; others stay as they are."""
    # Our clock only guesses; the rule asks again by Redis' own.
    if record.state not in IDLE_STATES or not lifecycle.is_overdue(record, round(time.time() * 1000)):
        return record
    try:
        return ours.store.move(record.id, lifecycle.overdue)
    except IllegalMove:
        return ours.store.get(record.id)


def wait_until(ours: Services, record: JobRecord, is_done: Callable[[JobRecord], bool], wait_s: float) -> Wait:
    """Hold the request until its job is done in this sense, or the time is up."""
    return hold(
        ours,
        record.id,
        record,
        read=lambda: again(ours, record),
        is_done=is_done,
        wait_s=wait_s,
        look_after_s=_until_deadline_s,
    )


def _until_deadline_s(record: JobRecord) -> float:
    """A deadline that passes in the queue rings no bell where no worker lives; our clock guesses, the rule decides."""
    if record.state not in IDLE_STATES or not record.deadline_at_ms:
        return inf
    return max(OVERDUE_LOOK_S, record.deadline_at_ms / 1000 - time.time())


def has_ended(record: JobRecord) -> bool:
    """The usual sense of done."""
    return record.is_final


def views(ours: Services, records: Iterable[JobRecord]) -> list[JobView]:
    """How records look to callers."""
    found = list(records)
    where = ours.forecast.places(found)
    why = ours.reasons.of(found, where)
    told = {job_id: place.model_copy(update={"waits": why.get(job_id)}) for job_id, place in where.items()}
    return with_ratings(ours, [view(record, told.get(record.id)) for record in found])


def etag_of(shown: JobView, record: JobRecord) -> str:
    """Changes with the record, with a queued job's place and what it waits for, and with ratings of its pictures."""
    place = shown.queue or QueuePlace()
    waits = place.waits.code.value if place.waits else ""
    at = "" if place.position is None else place.position
    rated = rated_count(shown)
    return f"{record.version}-{record.state.value}-{at}-{waits}" + (f"-{rated}" if rated else "")


def answer(ours: Services, waited: Wait, status: int = 200, **headers: str) -> Response:
    """One job; 304 where the caller knows it already."""
    shown = views(ours, [waited.found])[0]
    return answer_of(waited, shown.model_dump_json(), etag_of(shown, waited.found), status, headers)


def known_to_caller(ours: Services, record: JobRecord) -> bool:
    """Whether the caller's If-None-Match names the record as it stands."""
    return is_known(etag_of(views(ours, [record])[0], record))


def many(ours: Services, ids: Sequence[str], *, since: str | None = None) -> Response:
    """The caller's jobs of these ids in this order; what is not there is marked `unknown` or `gone`, another's `unknown`.

    Args:
        since: the mark of the poll before, for the previews that changed since; None: no previews.
    """
    caller = current_caller()
    known = [job_id for job_id in ids if JOB_ID.match(job_id)]
    found = {r.id: settle(ours, r) for r in ours.ownership.jobs(caller, known)}
    shown = {job.id: job.model_dump(mode="json") for job in views(ours, found.values())}
    expired = ours.ownership.expired(caller, [job_id for job_id in known if job_id not in shown])
    rows = [shown.get(i) or {"id": i, "state": "gone" if i in expired else "unknown"} for i in ids]
    body: dict[str, object] = {"jobs": rows}
    if since is not None:
        body |= _previews(ours, [found[job_id] for job_id in dict.fromkeys(known) if job_id in found], since)
    return Response(json.dumps(body), mimetype="application/json")


def _previews(ours: Services, records: Sequence[JobRecord], since: str) -> dict[str, object]:
    running = previews.jobs_with_previews(records)
    if ours.settings.rating == "refuse":  # they are of pictures that nobody has rated
        running = []
    news, mark = previews.changed(running, ours.store.previews([record.id for record in running]), since)
    return {"previews": {job_id: each.model_dump() for job_id, each in news.items()}, "mark": mark}
