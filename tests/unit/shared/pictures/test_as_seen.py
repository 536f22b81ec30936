"""Sixteen bits and transparent colours are seen as they are meant."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shared.pictures.pixels import decode
from tests.pictures import case, chunk, png, saved, with_chunk
from tests.unit.shared.pictures.odd import BLUE, LIMITS, RED, halves


def test_a_night_in_sixteen_bits_stays_dark():
    assert np.asarray(decode(case("grey16_night.png"), LIMITS)).mean() <= 1


def test_sixteen_bits_end_where_eight_do():
    values = np.array([[0, 128, 129, 257, 32_896, 65_535]], np.uint16)

    seen = decode(saved(Image.fromarray(values), "PNG"), LIMITS)

    assert np.asarray(seen)[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_a_transparent_colour_is_compared_in_sixteen_bits():
    grey = decode(case("grey16_trns.png"), LIMITS)
    rgb = decode(case("rgb16_trns.png"), LIMITS)

    assert grey.getpixel((0, 0)) == (255, 255, 255)
    assert grey.getpixel((1, 0))[0] <= 2
    assert rgb.getpixel((2, 2)) == (255, 255, 255)
    assert rgb.getpixel((16, 16)) == (255, 0, 0)


def rgb16_png(*pixels: tuple[int, int, int]) -> bytes:
    row = b"\0" + b"".join(struct.pack(">3H", *pixel) for pixel in pixels)
    header = struct.pack(">IIBBBBB", len(pixels), 1, 16, 2, 0, 0, 0)
    return png()[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def test_a_colour_that_differs_in_its_lower_byte_alone_is_not_transparent():
    data = with_chunk(rgb16_png((0x1234,) * 3, (0x1235, 0x1234, 0x1234)), b"tRNS", struct.pack(">3H", *(0x1234,) * 3))

    seen = decode(data, LIMITS)

    assert seen.getpixel((0, 0)) == (255, 255, 255)
    assert seen.getpixel((1, 0)) == (0x12, 0x12, 0x12)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_counts_in_the_pictures_own_depth(depth):
    header = struct.pack(">IIBBBBB", 8 // depth, 1, depth, 0, 0, 0, 0)
    most = 2**depth - 1
    row = bytes((0, most << (8 - depth)))  # the first pixel is white, the others are black
    data = png()[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    black_is_clear = with_chunk(data, b"tRNS", struct.pack(">H", 0))
    white_is_clear = with_chunk(data, b"tRNS", struct.pack(">H", most))

    assert set(decode(black_is_clear, LIMITS).getdata()) == {(255, 255, 255)}
    assert list(decode(white_is_clear, LIMITS).getdata()) == list(decode(data, LIMITS).getdata())


def test_a_transparent_rgb_colour_is_white():
    data = with_chunk(saved(halves(), "PNG"), b"tRNS", struct.pack(">3H", *BLUE))

    seen = decode(data, LIMITS)

    assert seen.getpixel((5, 5)) == RED
    assert seen.getpixel((40, 5)) == (255, 255, 255)
