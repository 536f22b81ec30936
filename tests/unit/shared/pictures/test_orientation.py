"""Which way is up is read in whatever type it was written, and broken tags turn nothing."""

import struct
import zlib

import pytest
from PIL import Image

from shared.pictures.pixels import decode
from tests.pictures import saved, with_chunk
from tests.unit.shared.pictures.odd import LIMITS, SIX, exif_with, halves, is_upright


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_of_any_type_turns_the_picture(kind, name):
    exif = exif_with((0x0100, 2, b"wide\0"), (0x0112, *SIX[name]))

    assert is_upright(saved(halves(), kind, exif=b"Exif\0\0" + exif if kind == "JPEG" else exif, quality=95))


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"XX*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        exif_with((0x0112, 3, b"\x09\0")),
        exif_with((0x0112, 5, bytes(8))),
        exif_with((0x0112, 11, struct.pack("<f", float("nan")))),
        exif_with((0x0112, 12, struct.pack("<d", float("inf")))),
        exif_with((0x0112, 2, b"six\0")),
        exif_with((0x0112, 99, b"\x06")),
        exif_with((0x0112, 3, b"\x06\0"))[:15],
    ],
)
def test_an_orientation_that_cannot_be_read_turns_nothing(exif):
    data = with_chunk(saved(halves(), "PNG"), b"eXIf", exif)

    assert decode(data, LIMITS).size == (48, 32)


def test_an_orientation_in_xmp_or_in_old_programs_text_counts_too():
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + b'<rdf tiff:Orientation="6"/>'
    raw = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n      50\n" + exif_with((0x0112, 3, b"\x06\0")).hex().encode()
    )

    assert is_upright(with_chunk(saved(halves(), "PNG"), b"iTXt", xmp))
    assert is_upright(with_chunk(saved(halves(), "PNG"), b"zTXt", raw))


def test_an_avif_is_upright_whatever_its_exif_says_about_other_things():
    exif = Image.Exif()
    exif[0x0112], exif[0x0100] = 6, 48
    plain = saved(halves(), "AVIF", exif=exif, speed=10, quality=95)
    odd = plain.replace(b"\x01\x00\x00\x04", b"\x01\x00\x00\x02")

    assert is_upright(plain)
    assert odd != plain
    assert is_upright(odd)
