"""Bytes ↔ picture: what may come in, upright sRGB out, PNG and WebP with metadata.

Limits act before decoding: bytes first, then the size in the header, so a decompression bomb costs nothing. A decoder
sees pixels only (`parts`); whatever it raises becomes one of our errors here, so callers need to know no others.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import AvifImagePlugin, Image
from PIL.PngImagePlugin import PngInfo

from shared.errors import BadPicture, DarkroomError, TooLarge
from shared.pictures.as_seen import as_seen
from shared.pictures.boxes import take_avif_apart, take_webp_apart
from shared.pictures.formats import MEDIA_TYPES, check_claim, format_of
from shared.pictures.jpeg_segments import take_apart as take_jpeg_apart
from shared.pictures.orientation import is_turned, orientation_of
from shared.pictures.parts import Parts
from shared.pictures.png_chunks import take_apart as take_png_apart

MIB = 2**20
#: WebP's own limit, and so that of every thumbnail (RFC 9649: 14 bits a side, and libwebp takes one less).
MAX_WEBP_PX = 16_383
#: Format → what takes its files apart.
TAKE_APART: dict[str, Callable[[bytes], Parts]] = {
    "PNG": take_png_apart,
    "JPEG": take_jpeg_apart,
    "WEBP": take_webp_apart,
    "AVIF": take_avif_apart,
    "GIF": Parts,
}
#: Pillow's own bomb guard would warn on stderr; ours answers with numbers.
Image.MAX_IMAGE_PIXELS = None
#: How many pictures are decoded at a time is decided above, not by the decoder.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True)
class PictureLimits:
    """What a picture may be."""

    max_bytes: int
    max_pixels: int
    #: A side longer than this breaks decoders that hold whole rows.
    max_side_px: int = 65_500


#: Stored pictures were within the limits when they came in.
NO_LIMITS = PictureLimits(max_bytes=2**40, max_pixels=2**40)


@dataclass(frozen=True)
class PictureFacts:
    """What a picture is, upright."""

    media_type: str
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True)
class Opened:
    """A picture whose header was read and is within the limits; no pixel has been decoded."""

    parts: Parts
    #: As the decoder opened it, in its stored orientation.
    picture: Image.Image
    facts: PictureFacts
    orientation: int


def inspect(data: bytes, limits: PictureLimits, *, claimed_type: str | None = None) -> PictureFacts:
    """Read the header only.

    Raises:
        TooLarge: more bytes or pixels than allowed; the message has both numbers.
        UnsupportedMedia: a picture of a format that is not read.
        BadPicture: no picture, a damaged one, or not of the claimed media type.
    """
    with _opened(data, limits, claimed_type) as opened:
        return opened.facts


def check(data: bytes, limits: PictureLimits, *, claimed_type: str | None = None) -> PictureFacts:
    """Decode the whole picture, as cheaply as can be, to know that it can be decoded.

    Raises:
        what `inspect` raises, also for a truncated or damaged file.
    """
    with _opened(data, limits, claimed_type) as opened:
        opened.picture.draft(None, (1, 1))  # a JPEG's eighth: all of it is read, little of it computed
        opened.picture.load()
        return opened.facts


def decode(data: bytes, limits: PictureLimits, *, claimed_type: str | None = None) -> Image.Image:
    """A whole picture: first frame, upright, 8-bit RGB in sRGB; what is transparent is white.

    Raises:
        what `check` raises.
    """
    with _opened(data, limits, claimed_type) as opened:
        return as_seen(opened.picture, opened.parts, opened.orientation)


def thumbnail(data: bytes, width_px: int) -> bytes:
    """A stored picture as WebP, at most `width_px` wide, never enlarged, in its own aspect, within WebP's limits.

    Raises:
        what `check` raises.
    """
    with _opened(data, NO_LIMITS) as opened:
        wide, high = opened.facts.size
        scale = min(1.0, width_px / wide, MAX_WEBP_PX / wide, MAX_WEBP_PX / high)
        size = max(1, round(wide * scale)), max(1, round(high * scale))
        stored = size[::-1] if is_turned(opened.orientation) else size
        opened.picture.draft(None, (2 * stored[0], 2 * stored[1]))  # twice as large is enough to scale down from
        picture = as_seen(opened.picture, opened.parts, opened.orientation)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        return to_webp(picture)


def to_png(picture: Image.Image, *, parameters: str | None = None, record: dict[str, Any] | None = None) -> bytes:
    """PNG bytes; `parameters` in A1111's text form and `record` as JSON under `darkroom` go into its text chunks.

    ASCII goes into tEXt, all else into iTXt: readers disagree about the encoding of the first, though it is Latin-1.
    """
    info = PngInfo()
    if parameters is not None:
        text = _chunk_text(parameters)
        info.add_text("parameters", text) if text.isascii() else info.add_itxt("parameters", text)
    if record is not None:
        info.add_text("darkroom", json.dumps(record, sort_keys=True))
    out = io.BytesIO()
    # Run lengths only (zlib's Z_RLE, 3): photographs come out as large as at level 4 in half the time, drawings a fifth
    # larger; at 1024 × 1024 encoding was 139 of the 148 ms between two jobs. `tests/bench/bench_png.py` has the figures.
    picture.save(out, "PNG", pnginfo=info, compress_level=1, compress_type=3)
    return out.getvalue()


def to_webp(picture: Image.Image, *, quality: int = 80) -> bytes:
    """WebP bytes, for thumbnails and previews."""
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def _chunk_text(text: str) -> str:
    """Text as a PNG may hold it: without NUL (it would end the text), line feeds alone, and nothing UTF-8 cannot say."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return lines.encode(errors="replace").decode()


@contextmanager
def _opened(data: bytes, limits: PictureLimits, claimed_type: str | None = None) -> Iterator[Opened]:
    """A picture for as long as it is looked at. Whatever goes wrong meanwhile is the picture's fault, and says so."""
    if len(data) > limits.max_bytes:
        raise TooLarge(
            f"the picture has {len(data):,} bytes, the limit is {limits.max_bytes:,}; send a smaller one", field="image"
        )
    try:
        kind = format_of(data)
        check_claim(claimed_type, MEDIA_TYPES[kind])
        parts = TAKE_APART[kind](data)
        if parts.size is not None:
            _check_size(*parts.size, limits)
        with Image.open(io.BytesIO(parts.pixels), formats=(kind,)) as picture:
            _check_size(*picture.size, limits)
            # An AVIF's box that says which way is up comes from Pillow as EXIF of its own making.
            orientation = orientation_of(parts.exif or picture.info.get("exif"), parts.xmp)
            size = picture.size[::-1] if is_turned(orientation) else picture.size
            yield Opened(parts, picture, PictureFacts(MEDIA_TYPES[kind], *size), orientation)
    except DarkroomError:
        raise
    except Exception as exc:  # decoders raise struct.error, SyntaxError, zlib.error, MemoryError and whatever else
        raise BadPicture(f"the picture is damaged or cut short: {_said(exc)}", field="image") from exc


def _check_size(width: int, height: int, limits: PictureLimits) -> None:
    if not width or not height:
        raise BadPicture(f"the picture has {width} × {height} pixels", field="image")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise TooLarge(
            f"the picture has {width} × {height} = {width * height:,} pixels, the limit is {limits.max_pixels:,} "
            f"and {limits.max_side_px:,} a side; send a smaller one",
            field="image",
        )


def _said(exc: Exception) -> str:
    """The decoder's words, if they are any; never an address in memory."""
    words = str(exc)
    return words[:200] if words and "0x" not in words and "BytesIO" not in words else type(exc).__name__
