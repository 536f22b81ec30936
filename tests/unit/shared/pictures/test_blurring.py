"""A blurred picture: its aspect, and that nothing can be read in it."""

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from shared.pictures.blurring import LARGEST_PX, LEFT_PX, blurred
from shared.pictures.pixels import thumbnail
from tests.pictures import saved


def shown(picture: Image.Image, **more: int) -> Image.Image:
    few = thumbnail(saved(picture, "PNG"), LEFT_PX)
    return Image.open(io.BytesIO(blurred(few, *picture.size, **more)))


@pytest.mark.parametrize(
    ("size", "asked", "answered"),
    [
        ((1024, 512), 4096, (512, 256)),
        ((64, 48), 4096, (64, 48)),
        ((1024, 512), 100, (100, 50)),
        ((20, 2000), 4096, (5, 512)),
        ((1, 1), 1, (1, 1)),
    ],
)
def test_it_keeps_the_aspect_within_bounds(size, asked, answered):
    assert shown(Image.new("RGB", size, "red"), widest_px=asked).size == answered
    assert max(answered) <= LARGEST_PX


def test_fine_lines_are_gone_and_colours_are_left():
    striped = Image.new("RGB", (480, 480), "white")
    for column in range(0, 480, 4):
        striped.paste("black", (column, 0, column + 2, 480))

    grey = shown(striped).convert("L")

    low, high = ImageStat.Stat(grey).extrema[0]
    assert high - low < 40
    left, right = Image.new("RGB", (240, 480), "red"), Image.new("RGB", (480, 480), "blue")
    right.paste(left, (0, 0))
    assert shown(right).getpixel((10, 240))[0] > 150
    assert ImageChops.difference(shown(right), right).getbbox() is not None
