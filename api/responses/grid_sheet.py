"""A contact sheet as a table: a row a prompt and model, a column a seed, both labelled. Pure."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from api.responses.contact_sheet import (
    AMBER,
    FILM,
    GAP_PX,
    HEAD_PX,
    LINE_PX,
    MARGIN_PX,
    PALE,
    PICTURE_PX,
    TABLE,
    TEXT_PX,
    TITLE_PX,
    Frame,
    font,
    place,
)

#: More beside each other nobody can look at, and some formats cannot hold.
MOST_COLUMNS = 16
#: Left of each row: its prompt and model.
LABEL_PX, LABEL_CHARS, LABEL_LINES = 240, 34, 12
#: Above the columns, and below each picture where something is to be said of it.
COLUMN_PX, SAID_CHARS, SAID_LINES = 30, 36, 2


@dataclass(frozen=True)
class Cell:
    """What a table needs to know of one picture to find its place."""

    prompt: str
    model: str
    seed: int | None
    frame: Frame


@dataclass(frozen=True)
class Grid:
    """A table of pictures."""

    rows: tuple[tuple[str, str], ...]
    #: What each column has in common; "": nothing.
    columns: tuple[str, ...]
    cells: tuple[tuple[Frame, ...], ...]


def grid_of(cells: Sequence[Cell]) -> Grid | None:
    """The table that these cells make; None: they make none, for they have one column, too many, or rows of unequal length."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.prompt, cell.model), []).append(cell)
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1 or not 1 < (length := lengths.pop()) <= MOST_COLUMNS:
        return None
    columns = [{row[at].seed for row in rows.values()} for at in range(length)]
    return Grid(
        rows=tuple(rows),
        columns=tuple(
            f"seed {next(iter(seeds))}" if len(seeds) == 1 and None not in seeds else "" for seeds in columns
        ),
        cells=tuple(tuple(cell.frame for cell in row) for row in rows.values()),
    )


def grid_sheet(grid: Grid, title: str, note: str) -> Image.Image:
    """Lay a table out, RGB; as wide and as high as it needs."""
    row_px = PICTURE_PX + SAID_LINES * LINE_PX + GAP_PX
    wide = 2 * MARGIN_PX + LABEL_PX + len(grid.columns) * (PICTURE_PX + GAP_PX)
    sheet = Image.new("RGB", (wide, HEAD_PX + COLUMN_PX + len(grid.rows) * (row_px + GAP_PX) + MARGIN_PX), TABLE)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN_PX, 18), title, PALE, font(TITLE_PX))
    pen.text((wide - MARGIN_PX, 30), note, AMBER, font(TEXT_PX), anchor="ra")
    lefts = [MARGIN_PX + LABEL_PX + at * (PICTURE_PX + GAP_PX) for at in range(len(grid.columns))]
    for left, label in zip(lefts, grid.columns, strict=True):
        pen.text((left, HEAD_PX + 4), label, AMBER, font(TEXT_PX))
    for number, ((prompt, model), frames) in enumerate(zip(grid.rows, grid.cells, strict=True)):
        top = HEAD_PX + COLUMN_PX + number * (row_px + GAP_PX)
        pen.rectangle((0, top - GAP_PX // 2, wide, top + row_px - GAP_PX // 2), FILM)
        _lines(pen, (MARGIN_PX, top), prompt, PALE, LABEL_CHARS, LABEL_LINES)
        pen.text((MARGIN_PX, top + PICTURE_PX - LINE_PX), model, AMBER, font(TEXT_PX))
        for left, frame in zip(lefts, frames, strict=True):
            place(sheet, pen, (left, top), frame)
            _lines(pen, (left, top + PICTURE_PX + 4), frame.seen, AMBER, SAID_CHARS, SAID_LINES)
    return sheet


def _lines(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, colour: tuple[int, int, int], chars: int, most: int
) -> None:
    for number, line in enumerate(textwrap.wrap(text, chars, max_lines=most, placeholder=" …")):
        pen.text((at[0], at[1] + number * LINE_PX), line, colour, font(TEXT_PX))
