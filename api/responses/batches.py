"""Batches as answers: their ETag, and how a request waits for one."""

from collections.abc import Callable

from flask import Response

from api.responses.waiting import Waited, answer_of, hold, is_known
from api.services import Services
from shared.batches.views import batch_view
from shared.contracts.batch_records import BatchRecord, Numbers

#: Changes of a batch come in flocks: a request that waits for any gathers them for so long.
GATHER_S = 0.25

Found = tuple[BatchRecord, Numbers]
#: A batch, and whether the request that asked for it found a seat to wait on.
BatchWait = Waited[Found]


def wait_until(ours: Services, found: Found, is_done: Callable[[BatchRecord], bool], wait_s: float) -> BatchWait:
    """Hold the request until its batch is done in this sense, or the time is up."""
    batch_id = found[0].id
    return hold(
        ours,
        batch_id,
        found,
        read=lambda: ours.batches.read(batch_id),
        is_done=lambda found: is_done(found[0]),
        wait_s=wait_s,
        gather_s=GATHER_S,
    )


def is_over(record: BatchRecord) -> bool:
    """The usual sense of done."""
    return record.is_over


def answer(waited: BatchWait, status: int = 200, **headers: str) -> Response:
    """One batch; 304 where the caller knows it already."""
    record, numbers = waited.found
    return answer_of(waited, batch_view(record, numbers).model_dump_json(), etag_of(record), status, headers)


def etag_of(record: BatchRecord) -> str:
    """Changes with everything that is counted."""
    return f"{record.version}-{record.state.value}"


def known_to_caller(record: BatchRecord) -> bool:
    """Whether the caller's If-None-Match names the batch as it stands."""
    return is_known(etag_of(record))
