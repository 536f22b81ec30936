"""Real pictures for tests, made on the spot, and the small files in `tests/cases`."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

CASES = Path(__file__).parent / "cases"


def png(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (180, 40, 30)) -> bytes:
    """A PNG of one colour."""
    return saved(Image.new("RGB", (width, height), colour), "PNG")


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """A JPEG."""
    return saved(Image.new("RGB", (width, height), (20, 90, 200)), "JPEG")


def saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def case(name: str) -> bytes:
    """A file of `tests/cases`."""
    return (CASES / name).read_bytes()


def bomb(width: int = 8_000, height: int = 6_000) -> bytes:
    """A picture of one colour: 48 megapixels in 140 KiB."""
    return saved(Image.new("RGB", (width, height)), "PNG", compress_level=9)


def chunk(kind: bytes, body: bytes, *, is_whole: bool = True) -> bytes:
    """One chunk of a PNG, with a right or a wrong checksum."""
    checksum = zlib.crc32(kind + body) ^ (not is_whole)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_chunk(data: bytes, kind: bytes, body: bytes, *, is_whole: bool = True) -> bytes:
    """A PNG with one more chunk behind its header."""
    return data[:33] + chunk(kind, body, is_whole=is_whole) + data[33:]
