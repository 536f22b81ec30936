"""A JPEG, segment by segment up to its pixels (ISO 10918-1, annex B).

A camera's MPO is a JPEG with more pictures behind the first one; without the segment that points at them it is the first
one. What comes after the first scan is left as it is: the decoder finds its way by itself.
"""

import re
from collections.abc import Iterator

from shared.errors import BadPicture
from shared.pictures.parts import Parts

#: More markers than this before the pixels make no picture, only work.
MAX_SEGMENTS = 20_000
SOS, EOI, COMMENT = 0xDA, 0xD9, 0xFE
#: Markers without a length: TEM, the restarts, another SOI.
BARE_MARKERS = frozenset((0x00, 0x01, 0xD8, *range(0xD0, 0xD8)))
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
APP = range(0xE0, 0xF0)
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)

Segment = tuple[int, memoryview]


def take_apart(data: bytes) -> Parts:
    """The pixels of a JPEG, and what it says about them.

    Raises:
        BadPicture: it is cut short before its pixels, or has none.
    """
    segments, rest = _segments(data)
    kept = [segment for segment in segments if _makes_pixels(*segment)]
    about = [bytes(body) for marker, body in segments if marker in (0xE1, 0xE2)]
    return Parts(
        pixels=b"".join((b"\xff\xd8", *(part for segment in kept for part in _written(*segment)), rest)),
        size=next((_size(body) for marker, body in segments if marker in FRAMES and len(body) >= 5), None),
        exif=next((body for body in about if body.startswith(EXIF)), None),
        xmp=next((body[len(XMP) :] for body in about if body.startswith(XMP)), None),
        icc=_profile([body[len(ICC) :] for body in about if body.startswith(ICC)]),
    )


def _segments(data: bytes) -> tuple[list[Segment], memoryview]:
    """What stands before the first scan, and all from there on."""
    view, found = memoryview(data), list[Segment]()
    for marker, at, body in _walk(data):
        if marker == SOS:
            return found, view[at:]
        if body is None:
            break
        found.append((marker, body))
    raise BadPicture("the JPEG is damaged or cut short before its pixels", field="image")


def _walk(data: bytes) -> Iterator[tuple[int, int, memoryview | None]]:
    """Each marker, where it stands, and its body; None where it has none that is whole."""
    view, at = memoryview(data), 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        marker, at = found[1][0], found.end()
        if marker in BARE_MARKERS:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        is_whole = marker != EOI and length >= 2 and at + length <= len(data)
        yield marker, found.end() - 2, view[at + 2 : at + length] if is_whole else None
        at += length


def _makes_pixels(marker: int, body: memoryview) -> bool:
    """Of the applications' segments only those by which a decoder knows the colours: JFIF's and Adobe's."""
    if marker == 0xE0:
        return len(body) >= 14 and body[:5] == b"JFIF\0"
    if marker == 0xEE:
        return len(body) >= 12 and body[:5] == b"Adobe"
    return marker not in APP and marker != COMMENT


def _written(marker: int, body: memoryview) -> tuple[bytes, memoryview]:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big"), body


def _size(frame: memoryview) -> tuple[int, int]:
    return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")


def _profile(pieces: list[bytes]) -> bytes | None:
    """A profile in numbered pieces: number, count, bytes (ICC.1, annex B.4); None where one is missing."""
    numbered = {piece[0]: piece[2:] for piece in pieces if len(piece) > 2}
    count = pieces[0][1] if pieces and len(pieces[0]) > 2 else 0
    if not count or set(numbered) != set(range(1, count + 1)):
        return None
    return b"".join(numbered[number] for number in sorted(numbered))
