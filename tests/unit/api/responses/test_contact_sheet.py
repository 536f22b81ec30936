"""The contact sheet: every frame is on it, with its words and its boxes, whatever the pictures' sizes."""

import numpy as np
from PIL import Image

from api.responses.contact_sheet import FILM, MARK, PICTURE_PX, Frame, contact_sheet

RED, BLUE = (200, 0, 0), (0, 0, 200)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def share_of(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    return int(np.all(np.asarray(sheet) == colour, axis=-1).sum())


def test_five_frames_take_two_rows():
    one = contact_sheet([Frame(plain(RED), "a")] * 4, "title", "note")
    two = contact_sheet([Frame(plain(RED), "a")] * 5, "title", "note")

    assert one.width == two.width
    assert two.height > one.height + PICTURE_PX
    assert share_of(two, RED) == 5 * PICTURE_PX**2


def test_a_picture_keeps_its_proportions():
    sheet = contact_sheet([Frame(plain(BLUE, (1024, 512)), "wide"), Frame(plain(RED, (30, 60)), "high")], "t", "n")

    assert share_of(sheet, BLUE) == PICTURE_PX * PICTURE_PX // 2
    assert share_of(sheet, RED) == PICTURE_PX * PICTURE_PX // 2


def test_a_box_is_drawn_where_it_was_found():
    bare = contact_sheet([Frame(plain(RED), "a")], "t", "n")
    marked = contact_sheet([Frame(plain(RED), "a", boxes=((0.25, 0.5, 0.75, 1.0),))], "t", "n")
    rows, columns = np.nonzero(np.any(np.asarray(bare) != np.asarray(marked), axis=-1))

    assert columns.max() - columns.min() == PICTURE_PX // 2
    assert rows.max() - rows.min() == PICTURE_PX // 2
    assert share_of(marked, MARK) > 0


def test_words_are_written_below_and_long_ones_are_cut():
    bare = contact_sheet([Frame(plain(RED), "")], "t", "n")
    short = contact_sheet([Frame(plain(RED), "", seen="a house")], "t", "n")
    long = contact_sheet([Frame(plain(RED), "word " * 400, seen="more " * 400)], "t", "n")

    assert share_of(short, FILM) < share_of(bare, FILM)
    assert long.size == bare.size
