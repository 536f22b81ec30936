"""WebP (RIFF chunks) and AVIF (ISO media boxes), taken apart as far as decoders stumble over what they say."""

import struct
from collections.abc import Iterator

from shared.errors import BadPicture
from shared.pictures.parts import MAX_PARTS, Parts

#: Chunks of a WebP that make pixels.
WEBP_PIXELS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF")
#: Bits of VP8X that announce ICCP, EXIF and XMP.
WEBP_METADATA = 0x20 | 0x08 | 0x04


def take_webp_apart(data: bytes) -> Parts:
    """The pixels of a WebP, and what it says about them (RFC 9649).

    Raises:
        BadPicture: it has none.
    """
    chunks = list(_riff_chunks(data))
    about = dict(reversed(chunks))
    kept = [(kind, body) for kind, body in chunks if kind in WEBP_PIXELS]
    if not kept:
        raise BadPicture("the WebP has no pixels", field="image")
    if kept[0][0] == b"VP8X" and kept[0][1]:
        kept[0] = (b"VP8X", bytes((kept[0][1][0] & ~WEBP_METADATA,)) + kept[0][1][1:])
    body = b"".join(struct.pack("<4sI", kind, len(part)) + part + b"\0" * (len(part) % 2) for kind, part in kept)
    return Parts(
        pixels=struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body,
        size=_webp_size(*kept[0]),
        exif=about.get(b"EXIF"),
        xmp=about.get(b"XMP "),
        icc=about.get(b"ICCP"),
    )


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """One that is cut short counts where it makes pixels: the decoder then says how much is missing."""
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) == length or kind in WEBP_PIXELS:
            yield kind, body
        at += 8 + length + length % 2
    raise BadPicture(f"the WebP has more than {MAX_PARTS:,} chunks", field="image")


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(body) >= 10:
        wide, high = struct.unpack_from("<HH", body, 6)
        return wide & 0x3FFF, high & 0x3FFF
    return None


def take_avif_apart(data: bytes) -> Parts:
    """An AVIF whose EXIF the decoder does not see: it is not to be used (a box of its own says which way is up), and a
    broken one would cost the picture. The file keeps its length, because boxes point into it."""
    kept = bytearray(data)
    for start, end in _boxes(data, 0, len(data), b"meta"):
        for inner, inner_end in _boxes(data, start + 4, end, b"iinf"):
            wide = 4 if data[inner : inner + 1] != b"\0" else 2
            for entry, entry_end in _boxes(data, inner + 4 + wide, inner_end, b"infe"):
                at = data.find(b"Exif", entry, min(entry + 16, entry_end))
                if at >= 0:
                    kept[at : at + 4] = b"skip"
    return Parts(pixels=bytes(kept))


def _boxes(data: bytes, start: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Where the bodies of boxes of one kind begin and end; stops at what is no box."""
    for _ in range(MAX_PARTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            head, size = 16, int.from_bytes(data[start + 8 : start + 16], "big")
        stop = start + size if size else end
        if stop > end or 0 < size < head:
            return
        if kind == wanted:
            yield start + head, stop
        start = stop
