"""What a batch found out, as rows: JSON Lines, CSV, and XMP sidecars that photo managers read. Pure.

A row is a member. Where several steps answered the same, the last one counts.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from api.library import xmp
from api.responses.sidecar_names import sidecar_names
from shared.batches.members import MemberRow
from shared.contracts.batch_records import MemberState
from shared.contracts.jobs import JobRecord, State
from shared.errors import DarkroomError

#: Columns of the CSV, in order.
COLUMNS = ("file", "image", "state", "caption", "tags", "nsfw", "is_nsfw", "prompt", "seed", "pictures", "error")
#: Cells that begin so would be read as formulas by spreadsheets.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: Without it spreadsheets take a CSV for their system's old encoding.
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Row:
    """One member's findings."""

    #: None: it never became a member.
    index: int | None
    file: str
    image: str | None
    state: str
    caption: str | None = None
    tags: list[str] = field(default_factory=list)
    #: Probability that it is not safe for work.
    nsfw: float | None = None
    is_nsfw: bool | None = None
    prompt: str | None = None
    seed: int | None = None
    #: Ids of the pictures it made.
    pictures: list[str] = field(default_factory=list)
    #: Every answer, as the jobs gave it.
    answers: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None


def row_of(member: MemberRow, jobs: Sequence[JobRecord]) -> Row:
    """A member and its jobs as one row."""
    answers = [answer for job in jobs for answer in (job.result or {}).get("answers", ()) if answer.get("ok")]
    found = {answer["task"]: answer.get("answer") or {} for answer in answers}
    failed = next((job.error for job in jobs if job.state == State.FAILED), None)
    error = member.member.error or (failed if member.state == MemberState.FAILED else None)
    return Row(
        index=member.index,
        file=member.member.name,
        image=member.member.image or None,
        state=member.state.value,
        caption=found.get("caption", {}).get("text"),
        tags=[tag["name"] for tag in found.get("tags", {}).get("tags", ())],
        nsfw=found.get("rating", {}).get("nsfw"),
        is_nsfw=found.get("rating", {}).get("is_nsfw"),
        prompt=member.member.prompt or None,
        seed=member.member.seed,
        pictures=[image["id"] for job in jobs for image in (job.result or {}).get("images", ())],
        answers=answers,
        error=error.model_dump(exclude_none=True) if error else None,
    )


def refused_row(file: str, error: DarkroomError) -> Row:
    """A file that was refused before there was a batch."""
    return Row(index=None, file=file, image=None, state=MemberState.FAILED.value, error=error.as_dict())


def jsonl(rows: Iterable[Row]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def csv_file(rows: Iterable[Row]) -> str:
    """A whole CSV file."""
    return BYTE_ORDER_MARK + csv_of(rows)


def csv_of(rows: Iterable[Row], *, has_header: bool = True) -> str:
    """A table with a header; lists are joined by `; `, and what a spreadsheet would calculate gets a leading quote."""
    out = io.StringIO()
    writer = csv.writer(out)
    if has_header:
        writer.writerow(COLUMNS)
    for row in rows:
        cells = asdict(row) | {"tags": "; ".join(row.tags), "pictures": "; ".join(row.pictures)}
        cells["error"] = f"{row.error['code']}: {row.error['message']}" if row.error else None
        writer.writerow([_harmless(cells[column]) for column in COLUMNS])
    return out.getvalue()


def sidecars(rows: Iterable[Row]) -> bytes:
    """A zip with one `<file name>.xmp` for each member that was described, in its picture's folder."""
    told = [row for row in rows if row.caption is not None or row.tags or row.nsfw is not None]
    names = sidecar_names([(row.index or 0, row.file, row.image or str(row.index)) for row in told])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, row in zip(names, told, strict=True):
            archive.writestr(name, xmp.write(_described(row)))
    return out.getvalue()


def _described(row: Row) -> xmp.Described:
    return xmp.Described(caption=row.caption, tags=tuple(row.tags), nsfw=row.nsfw, is_nsfw=row.is_nsfw)


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return cell
