"""A contact sheet: pictures in rows of a film strip, each with what was asked for and what was seen in it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

COLUMNS = 4
#: A frame's picture fits into this square; small pictures are enlarged to it.
PICTURE_PX = 256
MARGIN_PX, GAP_PX = 28, 18
#: Below each picture: two lines of the prompt, three of what was seen.
LINE_PX, ASKED_LINES, SEEN_LINES = 17, 2, 3
TEXT_PX = 13
CHARS_A_LINE = 38
#: The perforation above and below a row.
STRIP_PX, HOLE_PX, HOLE_EVERY_PX = 26, (16, 11), 32
HEAD_PX, TITLE_PX = 64, 26

FILM, TABLE, HOLE = (18, 17, 20), (34, 32, 36), (228, 224, 214)
EMPTY = (74, 70, 78)
PALE, AMBER, MARK = (222, 218, 208), (255, 184, 84), (255, 240, 120)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """One picture of a sheet.

    Args:
        picture: None: there is none (yet); what was seen says why.
        boxes: what was detected: left, top, right, bottom as shares of width and height.
        label: of the boxes.
    """

    picture: Image.Image | None
    asked: str
    seen: str = ""
    boxes: tuple[Box, ...] = ()
    label: str = ""


def contact_sheet(frames: Sequence[Frame], title: str, note: str) -> Image.Image:
    """Lay frames out in rows of four, RGB; as high as they need."""
    rows = [frames[start : start + COLUMNS] for start in range(0, len(frames), COLUMNS)]
    row_px = 2 * STRIP_PX + PICTURE_PX + (ASKED_LINES + SEEN_LINES) * LINE_PX + GAP_PX
    wide = 2 * MARGIN_PX + COLUMNS * PICTURE_PX + (COLUMNS - 1) * GAP_PX
    sheet = Image.new("RGB", (wide, HEAD_PX + len(rows) * (row_px + GAP_PX) + MARGIN_PX - GAP_PX), TABLE)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN_PX, 18), title, PALE, font(TITLE_PX))
    pen.text((wide - MARGIN_PX, 30), note, AMBER, font(TEXT_PX), anchor="ra")
    for number, row in enumerate(rows):
        top = HEAD_PX + number * (row_px + GAP_PX)
        _film(pen, top, top + row_px, wide)
        for column, frame in enumerate(row):
            corner = MARGIN_PX + column * (PICTURE_PX + GAP_PX), top + STRIP_PX
            _frame(sheet, pen, corner, frame, number * COLUMNS + column + 1)
    return sheet


def _film(pen: ImageDraw.ImageDraw, top: int, bottom: int, wide: int) -> None:
    """A dark strip over the whole width, perforated along both edges."""
    pen.rectangle((0, top, wide, bottom), FILM)
    across, down = HOLE_PX
    for edge in (top + (STRIP_PX - down) // 2, bottom - (STRIP_PX + down) // 2):
        for left in range(HOLE_EVERY_PX // 4, wide, HOLE_EVERY_PX):
            pen.rounded_rectangle((left, edge, left + across, edge + down), 3, HOLE)


def _frame(sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], frame: Frame, number: int) -> None:
    left, top = corner
    place(sheet, pen, corner, frame)
    down = top + PICTURE_PX + 6
    for text, colour, lines in ((f"{number}  {frame.asked}", PALE, ASKED_LINES), (frame.seen, AMBER, SEEN_LINES)):
        for line in textwrap.wrap(text, CHARS_A_LINE, max_lines=lines, placeholder=" …"):
            pen.text((left, down), line, colour, font(TEXT_PX))
            down += LINE_PX


def place(sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], frame: Frame) -> None:
    """Put a frame's picture into its square, in its own proportions, with what was found on it; else nothing."""
    left, top = corner
    if frame.picture is None:
        pen.rectangle((left, top, left + PICTURE_PX - 1, top + PICTURE_PX - 1), TABLE, outline=EMPTY)
        return
    scale = PICTURE_PX / max(frame.picture.size)
    size = tuple(max(1, round(side * scale)) for side in frame.picture.size)
    picture = frame.picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS)
    at = left + (PICTURE_PX - size[0]) // 2, top + (PICTURE_PX - size[1]) // 2
    sheet.paste(picture, at)
    for box in frame.boxes:
        _mark(pen, at, size[0], size[1], box, frame.label)


def _mark(pen: ImageDraw.ImageDraw, at: tuple[int, int], wide: int, high: int, box: Box, label: str) -> None:
    """A detected object: its outline and its name."""
    left, top = at[0] + box[0] * wide, at[1] + box[1] * high
    pen.rectangle((left, top, at[0] + box[2] * wide, at[1] + box[3] * high), outline=MARK, width=2)
    pen.text((left + 4, top - 3), label, MARK, font(TEXT_PX), anchor="lb", stroke_width=2, stroke_fill=FILM)


def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters of all sheets; those of other scripts than Western ones are boxes in it."""
    return ImageFont.load_default(size_px)
