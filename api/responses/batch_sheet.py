"""The pictures of a batch on one: as a table where its members make one, else in rows, each with its words.

A member that has no picture yet, or never will, keeps its place and says why. What this server withholds or blurs is withheld
and blurred here, too.
"""

import io
from collections.abc import Mapping, Sequence

from PIL import Image

from api.responses.contact_sheet import PICTURE_PX, Frame, contact_sheet
from api.responses.grid_sheet import Cell, grid_of, grid_sheet
from api.responses.pictures import tile
from api.services import Services
from api.services.auth import current_caller
from shared.batches.members import MemberRow
from shared.contracts.batch_records import BatchRecord, MemberState
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.errors import CallersError

#: Members on one sheet.
MOST_FRAMES = 144


def batch_sheet(
    ours: Services, batch: BatchRecord, rows: Sequence[MemberRow], jobs: Mapping[int, Sequence[JobRecord]]
) -> Image.Image:
    """The sheet of these members.

    Raises:
        NotReady: too many pictures are being looked at.
    """
    cells = [_cell(ours, row, jobs[row.index]) for row in rows]
    title = batch.name or batch.id
    note = f"{len(rows):,} of {batch.total:,}" + (f", from {rows[0].index + 1:,} on" if rows and rows[0].index else "")
    grid = grid_of(cells) if any(cell.prompt for cell in cells) else None
    if grid is not None:
        return grid_sheet(grid, title, note)
    return contact_sheet([cell.frame for cell in cells], title, note)


def _cell(ours: Services, row: MemberRow, jobs: Sequence[JobRecord]) -> Cell:
    made = [job for job in jobs if KIND_RULES[job.kind].makes_pictures]
    job = made[-1] if made else None
    params = job.params if job else {}
    prompt = str(params.get("prompt") or row.member.prompt)
    seed = params.get("seed", row.member.seed)
    model = job.model if job else row.member.model
    words = " · ".join(part for part in (prompt or row.member.name, model) if part)
    picture, why = _picture(ours, row, made)
    return Cell(prompt, model, seed, Frame(picture, words, why or _caption(jobs)))


def _picture(ours: Services, row: MemberRow, made: Sequence[JobRecord]) -> tuple[Image.Image | None, str]:
    """A member's picture small, or None and why there is none."""
    ids = [
        str(image["id"])
        for job in made
        if job.state == State.SUCCEEDED
        for image in (job.result or {}).get("images", ())
    ]
    image_id = ids[-1] if ids else ("" if made else row.member.image)
    if not image_id:
        return None, _reason(row, made)
    try:
        shown = tile(ours, image_id, PICTURE_PX, person=current_caller().person)
    except CallersError as error:
        return None, error.message
    return Image.open(io.BytesIO(shown)), ""


def _reason(row: MemberRow, made: Sequence[JobRecord]) -> str:
    failed = next((job.error for job in made if job.error is not None), None)
    error = row.member.error or failed
    if row.state == MemberState.FAILED and error is not None:
        return f"failed: {error.message}"
    return row.state.value


def _caption(jobs: Sequence[JobRecord]) -> str:
    """What was said of it, where its batch asked."""
    answers = [answer for job in jobs for answer in (job.result or {}).get("answers", ()) if answer.get("ok")]
    texts = [str(each["answer"]["text"]) for each in answers if "text" in (each.get("answer") or {})]
    return texts[0] if texts else ""
