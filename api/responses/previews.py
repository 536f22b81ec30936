"""Previews of running jobs inside a bulk poll: those that changed since the poll before, by a mark that its answer gave.

The mark is ours to read only: which previews its holder has, each as a few digits of its job's id and of its bytes. Nothing is
remembered between two polls, so any process answers any of them.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, Field

from shared.contracts.jobs import JobRecord, State

#: Running jobs whose previews one poll carries: a rack of that many GPUs, some 500 KiB at most.
MOST_PREVIEWS = 64
#: Digits of a job's id and of its preview's check sum in a mark.
ID_DIGITS, SUM_DIGITS = 8, 8
MARK_PATTERN = (
    f"^([0-9a-f]{{{ID_DIGITS + SUM_DIGITS}}}(\\.[0-9a-f]{{{ID_DIGITS + SUM_DIGITS}}}){{0,{MOST_PREVIEWS - 1}}})?$"
)


class PreviewNow(BaseModel):
    """The newest preview of a running job."""

    step: int = Field(description="Steps done when the job last told")
    data: str = Field(description="A small WebP as a data URI")


def jobs_with_previews(records: Iterable[JobRecord]) -> list[JobRecord]:
    """Those that run and have a preview, the first `MOST_PREVIEWS`."""
    running = [r for r in records if r.state == State.RUNNING and r.progress is not None and r.progress.has_preview]
    return running[:MOST_PREVIEWS]


def changed(
    records: Iterable[JobRecord], previews: Mapping[str, bytes], known: str
) -> tuple[dict[str, PreviewNow], str]:
    """Previews that the holder of this mark does not have, and the mark of who has all of them.

    Args:
        previews: job → bytes; one that has none any more is left out.
        known: the mark; "": has none.
    """
    had = set(known.split(".")) if known else set()
    marks = {record.id: _mark(record.id, previews[record.id]) for record in records if record.id in previews}
    news = {
        record.id: PreviewNow(
            step=record.progress.step if record.progress else 0,
            data="data:image/webp;base64," + base64.b64encode(previews[record.id]).decode(),
        )
        for record in records
        if record.id in marks and marks[record.id] not in had
    }
    return news, ".".join(marks.values())


def _mark(job_id: str, preview: bytes) -> str:
    return job_id.removeprefix("job_")[:ID_DIGITS] + f"{zlib.crc32(preview):0{SUM_DIGITS}x}"
