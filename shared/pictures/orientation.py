"""Which way is up: EXIF's Orientation, read by ourselves.

Cameras and editors write this tag, and those around it, in every type there is. Only this one number matters, so nothing
else of EXIF is read, and nothing is ever written back.
"""

import re
import struct

from PIL import Image

TAG = 0x0112
#: TIFF types → how one value is written (TIFF 6.0, section 2; IFD and the 64-bit types of BigTIFF).
TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q"}
ASCII, RATIONALS, UNDEFINED = 2, (5, 10), 7
#: Orientation → what makes the picture upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Stands before the TIFF structure in a JPEG, and by mistake elsewhere.
EXIF_MARK = b"Exif\0\0"
_IN_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")


def orientation_of(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8; 1 (upright) where nothing says otherwise, or what does cannot be read."""
    found = _in_exif(exif.removeprefix(EXIF_MARK)) if exif else None
    if found is None and xmp:
        said = _IN_XMP.search(xmp)
        found = int(said[1]) if said else None
    return found or 1


def is_turned(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture the right way up."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def _in_exif(exif: bytes) -> int | None:
    """The tag of the first directory; None where it is absent or broken."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _ = struct.unpack_from(order + "HHI", exif, at)
            if tag == TAG:
                return _value(exif, at, kind, order)
    except (struct.error, KeyError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return None


def _value(exif: bytes, at: int, kind: int, order: str) -> int | None:
    """The tag's first value as a number, whatever its type."""
    (count,) = struct.unpack_from(order + "I", exif, at + 4)
    width = {ASCII: 1, UNDEFINED: 1, 5: 8, 10: 8}.get(kind) or struct.calcsize("<" + TYPES[kind])
    place = at + 8 if count * width <= 4 else struct.unpack_from(order + "I", exif, at + 8)[0]
    if kind in (ASCII, UNDEFINED):
        text = exif[place : place + min(count, 16)]
        number = float(text[0] if text[:1] < b"\t" else text.strip(b"\0 "))
    elif kind in RATIONALS:
        above, below = struct.unpack_from(order + ("II" if kind == 5 else "ii"), exif, place)
        number = above / below
    else:
        (number,) = struct.unpack_from(order + TYPES[kind], exif, place)
    return int(number) if number == number and 1 <= number <= 8 else None
