"""Real pictures for tests, made on the spot, and the small files in `tests/cases`."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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


def bomb() -> bytes:
    """A black picture of 48 megapixels in 140 KiB, made without packing 144 MB: a hundred rows, and those sixty times."""
    width, height, together = 8_000, 6_000, 100
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rows = packer.compress(bytes((1 + 3 * width) * together)) + packer.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of n zeros is 1 below and n modulo 65,521 above (RFC 1950).
    checksum = struct.pack(">HH", (1 + 3 * width) * height % 65_521, 1)
    pixels = b"\x78\xda" + rows * (height // together) + b"\x03\x00" + checksum
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes, *, is_whole: bool = True) -> bytes:
    """One chunk of a PNG, with a right or a wrong checksum."""
    checksum = zlib.crc32(kind + body) ^ (not is_whole)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_chunk(data: bytes, kind: bytes, body: bytes, *, is_whole: bool = True) -> bytes:
    """A PNG with one more chunk behind its header."""
    return data[:33] + chunk(kind, body, is_whole=is_whole) + data[33:]
