"""Limits act before decoding, and thumbnails keep to theirs."""

import io
import struct

import pytest
from PIL import Image

from shared.errors import TooLarge
from shared.pictures.pixels import inspect, thumbnail
from tests.pictures import png, saved
from tests.unit.shared.pictures.odd import LIMITS, RED, halves, is_near


@pytest.mark.parametrize(("width", "height"), [(100, 16_384), (1, 65_500), (65_500, 1), (20_000, 50)])
@pytest.mark.parametrize("wanted", [1, 16, 4096])
def test_a_thumbnail_of_any_picture_is_within_webps_limits(width, height, wanted):
    shown = Image.open(io.BytesIO(thumbnail(png(width, height), wanted)))

    assert shown.width <= min(wanted, 16_383)
    assert 1 <= shown.height <= min(height, 16_383)


def test_a_thumbnail_of_a_turned_jpeg_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = Image.open(io.BytesIO(thumbnail(saved(halves().resize((960, 640)), "JPEG", exif=exif), 32)))

    assert shown.size == (32, 48)
    assert is_near(shown.convert("RGB"), (16, 6), RED, 20)


@pytest.mark.parametrize("wide", [b"\xff\x3f\x00", b"\xff\xff\xff"])
def test_a_webp_that_claims_a_huge_canvas_is_refused_by_its_header(wide):
    data = b"RIFF" + struct.pack("<I", 60) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + wide * 2
    with pytest.raises(TooLarge, match="the limit is"):
        inspect(data + b"ANIM" + struct.pack("<I", 6) + bytes(6), LIMITS)
