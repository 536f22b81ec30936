"""A table of pictures: which members make one, and that every picture stands in its row and column."""

import numpy as np
import pytest
from PIL import Image

from api.responses.contact_sheet import PICTURE_PX, Frame
from api.responses.grid_sheet import MOST_COLUMNS, Cell, grid_of, grid_sheet

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]


def cell(prompt: str, seed: int | None, colour: tuple[int, int, int] = (9, 9, 9), model: str = "m") -> Cell:
    return Cell(prompt, model, seed, Frame(Image.new("RGB", (32, 32), colour), prompt))


def where(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int]:
    down, across = np.nonzero(np.all(np.asarray(sheet) == colour, axis=-1))
    assert len(down) == PICTURE_PX**2
    return int(down.min()), int(across.min())


def test_prompts_are_rows_and_seeds_are_columns_in_the_order_they_came():
    cells = [cell(p, s, COLOURS[2 * r + c]) for r, p in enumerate("ba") for c, s in enumerate((9, 1))]

    grid = grid_of(cells)

    assert grid.rows == (("b", "m"), ("a", "m"))
    assert grid.columns == ("seed 9", "seed 1")
    sheet = grid_sheet(grid, "title", "note")
    (top, left), (same, right), (low, also_left), (_, _) = (where(sheet, colour) for colour in COLOURS)
    assert (top, left) == (same, also_left)
    assert right > left
    assert low > top


def test_models_of_one_prompt_are_rows_of_their_own():
    grid = grid_of([cell("a", seed, model=model) for model in "xy" for seed in (1, 2)])

    assert grid.rows == (("a", "x"), ("a", "y"))


def test_seeds_that_were_drawn_name_no_column():
    assert grid_of([cell("a", 5), cell("a", 6), cell("b", 7), cell("b", 8)]).columns == ("", "")


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [cell("a", 1)],
        [cell("a", 1), cell("b", 1)],
        [cell("a", 1), cell("a", 2), cell("b", 1)],
        [cell("a", seed) for seed in range(MOST_COLUMNS + 1)],
    ],
    ids=["nothing", "one picture", "one column", "a hole", "too wide"],
)
def test_what_makes_no_table_is_none(cells):
    assert grid_of(cells) is None


def test_a_place_without_a_picture_is_left_empty_and_says_why():
    blank = Cell("a", "m", 2, Frame(None, "a", "failed: out of luck"))

    said = grid_sheet(grid_of([cell("a", 1), blank]), "t", "n")
    silent = grid_sheet(grid_of([cell("a", 1), Cell("a", "m", 2, Frame(None, "a"))]), "t", "n")

    assert said.size == silent.size
    assert said.tobytes() != silent.tobytes()
