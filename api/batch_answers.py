"""Batches as answers: their ETag, and how a request waits for one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, request

from api.changes import PACE_S
from api.job_answers import SEATS_TAKEN_RETRY_S
from api.services import Services
from shared.batch_views import batch_view
from shared.contracts.batch_records import BatchRecord, Numbers

#: Changes of a batch come in flocks: a request that waits for any gathers them for so long.
GATHER_S = 0.25

Found = tuple[BatchRecord, Numbers]


@dataclass(frozen=True)
class BatchWait:
    """What a waiting request got."""

    found: Found
    #: Too many requests wait already, so this one did not.
    was_refused: bool = False


def wait_until(ours: Services, found: Found, is_done: Callable[[BatchRecord], bool], wait_s: float) -> BatchWait:
    """Hold the request until its batch is done in this sense, or the time is up."""
    batch_id = found[0].id
    ends_at = time.monotonic() + min(wait_s, ours.settings.max_wait_seconds)
    if wait_s <= 0 or is_done(found[0]):
        return BatchWait(found)
    with ours.changes.watch(batch_id) as bell:
        if bell is None:
            return BatchWait(found, was_refused=True)
        while True:
            bell.clear()
            found = ours.batches.read(batch_id)
            left_s = ends_at - time.monotonic()
            if is_done(found[0]) or left_s <= 0:
                return BatchWait(found)
            bell.wait(min(left_s, PACE_S))
            time.sleep(max(0.0, min(GATHER_S, ends_at - time.monotonic())))


def answer(waited: BatchWait, status: int = 200, **headers: str) -> Response:
    """One batch; 304 where the caller knows it already."""
    record, numbers = waited.found
    response = Response(batch_view(record, numbers).model_dump_json(), status, mimetype="application/json")
    response.set_etag(etag_of(record))
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    if waited.was_refused:
        response.headers["Retry-After"] = str(SEATS_TAKEN_RETRY_S)
    if status == 200:
        response.make_conditional(request)
    return response


def etag_of(record: BatchRecord) -> str:
    """Changes with everything that is counted."""
    return f"{record.version}-{record.state.value}"


def known_to_caller(record: BatchRecord) -> bool:
    """Whether the caller's If-None-Match names the batch as it stands."""
    return bool(request.if_none_match) and request.if_none_match.contains_weak(etag_of(record))
