"""What tests of odd pictures share: colours, EXIF of any type, and whether a picture is seen upright."""

import struct

import numpy as np
from PIL import Image

from shared.pictures.pixels import MIB, PictureLimits, decode, inspect
from tests.pictures import CASES

LIMITS = PictureLimits(32 * MIB, 50_000_000)
FILES = sorted(path.name for path in CASES.iterdir() if path.suffix != ".md")
HOUSE, SKY, GRASS = (200, 30, 30), (60, 120, 220), (40, 160, 60)
RED, BLUE = (220, 30, 30), (30, 40, 210)
#: A TIFF type and one value of it, as (type, value's bytes in little-endian order) → Orientation 6.
SIX = {
    "byte": (1, b"\x06"),
    "text": (2, b"6\0"),
    "short": (3, struct.pack("<H", 6)),
    "long": (4, struct.pack("<I", 6)),
    "rational": (5, struct.pack("<II", 12, 2)),
    "signed byte": (6, b"\x06"),
    "undefined": (7, b"\x06"),
    "signed short": (8, struct.pack("<h", 6)),
    "signed long": (9, struct.pack("<i", 6)),
    "signed rational": (10, struct.pack("<ii", 6, 1)),
    "float": (11, struct.pack("<f", 6)),
    "double": (12, struct.pack("<d", 6)),
}


def is_near(picture: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], levels: int = 3) -> bool:
    return bool(np.abs(np.subtract(picture.getpixel(at), colour)).max() <= levels)


def exif_with(*tags: tuple[int, int, bytes]) -> bytes:
    """EXIF of these tags (number, type, value), each of one value."""
    rows, values, at = b"", b"", 8 + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", at + len(values))
        values += value if len(value) > 4 else b""
        rows += struct.pack("<HHI", tag, kind, len(value) if kind in (2, 7) else 1) + place
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + values


def halves() -> Image.Image:
    """Left red, right blue; upright after Orientation 6 it is red above blue."""
    picture = Image.new("RGB", (48, 32), RED)
    picture.paste(BLUE, (24, 0, 48, 32))
    return picture


def is_upright(data: bytes) -> bool:
    facts, seen = inspect(data, LIMITS), decode(data, LIMITS)
    return facts.size == seen.size == (32, 48) and is_near(seen, (16, 8), RED, 12) and is_near(seen, (16, 40), BLUE, 12)
