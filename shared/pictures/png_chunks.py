"""A PNG, chunk by chunk (PNG specification, third edition).

Chunks that a picture cannot do without must be whole, with the right checksum; of the others a broken one counts as
absent, as in libpng. Text and profiles are unpacked up to a limit of our own, so that none costs more than it is worth.
"""

import struct
import zlib
from collections.abc import Iterator

from shared.errors import BadPicture
from shared.pictures.parts import MAX_PARTS, Parts

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Longest profile or text that is unpacked. The largest profiles in use (CMYK) have about 3 MB.
MAX_UNPACKED = 16 * 2**20
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
GREY, RGB, PALETTE = 0, 2, 3
XMP_KEYWORD, EXIF_KEYWORDS = b"XML:com.adobe.xmp", (b"Raw profile type exif", b"Raw profile type APP1")

Chunk = tuple[bytes, memoryview]


def take_apart(data: bytes) -> Parts:
    """The pixels of a PNG's first frame, and what it says about them.

    Raises:
        BadPicture: a chunk that is needed is missing, cut short or has a wrong checksum.
    """
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise BadPicture("the PNG does not begin with its header", field="image")
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    kept = [(kind, body) for kind, body in chunks if kind in (b"IHDR", b"IDAT")]
    about = {kind: bytes(body) for kind, body in reversed(chunks) if kind in (b"PLTE", b"tRNS", b"eXIf", b"iCCP")}
    if len(kept) < 2 or sum(kind == b"IHDR" for kind, _ in kept) > 1:
        raise BadPicture("the PNG has no pixels" if len(kept) < 2 else "the PNG has two headers", field="image")
    clear = None
    if colour == PALETTE:
        if not about.get(b"PLTE"):
            raise BadPicture("the PNG has no palette", field="image")
        kept[1:1] = [(kind, memoryview(about[kind])) for kind in (b"PLTE", b"tRNS") if kind in about]
    elif colour in (GREY, RGB):
        clear = _clear(about.get(b"tRNS", b""), colour, depth)
    texts = dict(_texts(chunks))
    exif = about.get(b"eXIf") or next((_from_hex(texts[word]) for word in EXIF_KEYWORDS if word in texts), None)
    return Parts(
        pixels=_written(kept),
        size=(width, height),
        exif=exif,
        xmp=texts.get(XMP_KEYWORD),
        icc=_profile(about.get(b"iCCP", b"")),
        clear=clear,
        depth=depth,
    )


def all_texts(data: bytes, most_bytes: int) -> dict[str, bytes]:
    """What programs wrote into a PNG: keyword → text as stored (tEXt and zTXt: Latin-1, iTXt: UTF-8), the first of each.

    Args:
        most_bytes: of all texts together, unpacked; one that would go beyond is left out.

    Raises:
        BadPicture: as `take_apart`.
    """
    found: dict[str, bytes] = {}
    for kind, body in _chunks(data):
        keyword, mark, rest = bytes(body).partition(b"\0")
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or not mark or not 1 <= len(keyword) <= 79:
            continue
        text = _text(kind, rest, most_bytes)
        name = keyword.decode("latin-1")
        if text is not None and len(text) <= most_bytes and name not in found:
            found[name] = text
            most_bytes -= len(text)
    return found


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Chunks that are whole, up to the end or to what is no chunk.

    Raises:
        BadPicture: one that is needed is broken.
    """
    view, at, has_pixels = memoryview(data), len(SIGNATURE), False
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha():
            break
        if end > len(data):
            if not has_pixels or kind == b"IDAT":
                raise BadPicture(f"the PNG is cut short: {end - len(data):,} bytes are missing", field="image")
            break
        is_whole = zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(view[end - 4 : end], "big")
        if kind[:1].isupper():
            _check_needed(kind, is_whole)
        if is_whole:
            yield kind, view[at + 8 : end - 4]
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            return
        at = end
    else:
        raise BadPicture(f"the PNG has more than {MAX_PARTS:,} chunks", field="image")
    if not has_pixels:
        raise BadPicture("the PNG is damaged or cut short before its pixels", field="image")


def _check_needed(kind: bytes, is_whole: bool) -> None:
    name = kind.decode()
    if kind not in CRITICAL:
        raise BadPicture(f"the PNG has a chunk {name} that it needs and nobody knows", field="image")
    if not is_whole:
        raise BadPicture(f"the PNG is damaged: the checksum of its chunk {name} is wrong", field="image")


def _written(chunks: list[Chunk]) -> bytes:
    rows: list[bytes | memoryview] = [SIGNATURE]
    for kind, body in [*chunks, (b"IEND", memoryview(b""))]:
        rows += [struct.pack(">I4s", len(body), kind), body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))]
    return b"".join(rows)


def _clear(body: bytes, colour: int, depth: int) -> tuple[int, ...] | None:
    """tRNS has 16 bits a sample whatever the depth; only the lowest `depth` count (11.3.1.1)."""
    count = 1 if colour == GREY else 3
    if len(body) != 2 * count:
        return None
    return tuple(sample & (2**depth - 1) for sample in struct.unpack(f">{count}H", body))


def _profile(body: bytes) -> bytes | None:
    """iCCP: a name, a zero, the method (0: deflate), the packed profile."""
    _, mark, packed = body.partition(b"\0")
    return _unpacked(packed[1:]) if mark and packed[:1] == b"\0" else None


def _texts(chunks: list[Chunk]) -> Iterator[tuple[bytes, bytes]]:
    """The few texts that say something about pixels, the first of each, unpacked; others are not looked at."""
    wanted = {XMP_KEYWORD, *EXIF_KEYWORDS}
    for kind, body in chunks:
        keyword = bytes(body[:80]).partition(b"\0")[0]
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or keyword not in wanted:
            continue
        wanted.remove(keyword)
        text = _text(kind, bytes(body[len(keyword) + 1 :]))
        if text is not None:
            yield keyword, text


def _text(kind: bytes, rest: bytes, most_bytes: int = MAX_UNPACKED) -> bytes | None:
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _unpacked(rest[1:], most_bytes)
    # Whether it is packed, how, then the language and the keyword in that language, each ended by a zero.
    text = rest[2:].split(b"\0", 2)[-1]
    return _unpacked(text, most_bytes) if rest[:1] == b"\1" else text


def _unpacked(packed: bytes, most_bytes: int = MAX_UNPACKED) -> bytes | None:
    """None where it is broken or longer than anything we need."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, max(1, most_bytes))
    except zlib.error:
        return None
    return text if unpacker.eof else None


def _from_hex(text: bytes) -> bytes | None:
    """ImageMagick's way: a line with the name, one with the length, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except ValueError:
        return None
