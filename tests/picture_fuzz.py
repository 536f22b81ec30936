"""Damaged pictures by the ten thousand: whatever is done to a file, `shared.pictures.pixels` answers with a picture or one of our
errors, in bounded time, and what `check` lets in, `decode` reads.

`nice -n 19 python -m tests.picture_fuzz [--many 150000] [--seed 1]` prints what broke the promise, each with the number
by which `--only` makes it again. The suite runs a slice of it.
"""

import argparse
import contextlib
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from shared.errors import CallersError
from shared.pictures.pixels import PictureLimits, check, decode, inspect, thumbnail
from tests.pictures import PNG_SIGNATURE, chunk, saved, with_chunk

LIMITS = PictureLimits(max_bytes=2**20, max_pixels=4_000_000)
#: Longest one damaged picture of at most four megapixels may take, all four readings together.
LIMIT_S = 5.0
SIZE = (40, 28)
#: Numbers on which readers of lengths and counts stumble.
HARD = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\1",
    b"\xff\xd9",
)


def scene(mode: str = "RGB") -> Image.Image:
    """Shades and an edge, so that decoders have something to do."""
    ramp = np.linspace(0, 255, SIZE[0] * SIZE[1] * 3).reshape(SIZE[1], SIZE[0], 3).astype(np.uint8)
    picture = Image.fromarray(ramp)
    picture.paste((200, 30, 30), (10, 5, 25, 20))
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "P":
        return picture.quantize(32)
    return picture.convert(mode)


@lru_cache
def seeds() -> tuple[bytes, ...]:
    """Good pictures of every readable format, with all that they may say about themselves."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words " * 20, zip=True)
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="3"/>')
    about = {"exif": exif, "icc_profile": icc}
    frames = [scene(), scene("L").convert("RGB")]
    many = {"save_all": True, "append_images": frames[1:], "duration": 50}
    return (
        saved(scene(), "JPEG", **about),
        saved(scene(), "JPEG", progressive=True, subsampling=0),
        saved(scene("L"), "JPEG", comment=b"a comment"),
        saved(scene("CMYK"), "JPEG"),
        saved(scene(), "MPO", save_all=True, append_images=frames[1:]),
        saved(scene(), "PNG", pnginfo=text, **about),
        saved(scene("RGBA"), "PNG", icc_profile=icc),
        saved(scene("P"), "PNG", transparency=3),
        saved(scene("I;16"), "PNG"),
        with_chunk(saved(scene("I;16"), "PNG"), b"tRNS", b"\0\0"),
        with_chunk(saved(scene(), "PNG"), b"tRNS", bytes(6)),
        saved(scene("LA"), "PNG"),
        saved(scene("1"), "PNG"),
        saved(frames[0], "PNG", **many),
        saved(scene(), "WEBP", **about),
        saved(scene("RGBA"), "WEBP", lossless=True, xmp=b"<x/>"),
        saved(frames[0], "WEBP", **many),
        saved(scene("P"), "GIF", comment=b"words"),
        saved(scene("P"), "GIF", transparency=3),
        saved(frames[0], "GIF", **many),
        saved(scene(), "AVIF", speed=10, **about),
        saved(scene("RGBA"), "AVIF", speed=10),
        saved(frames[0], "AVIF", speed=10, **many),
    )


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        found.append((kind, png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def written(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Chunks as a PNG whose checksums are right, so that damage gets past them."""
    return PNG_SIGNATURE + b"".join(chunk(kind, body) for kind, body in chunks)


def flipped(data: bytes, dice: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        out[dice.randrange(len(out))] = dice.randrange(256)
    return bytes(out)


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def without(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.choice((1, 2, 4, 13, 64)) :]


def overwritten(data: bytes, dice: random.Random) -> bytes:
    """A hard number somewhere, mostly among the headers."""
    at, hard = dice.randrange(dice.choice((64, 512, len(data)))) % len(data), dice.choice(HARD)
    return data[:at] + hard + data[at + len(hard) :]


def repeated(data: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(data))
    end = start + dice.choice((1, 8, 32, 200))
    return data[:end] + data[start:end] * dice.choice((1, 2, 50)) + data[end:]


def spliced(data: bytes, dice: random.Random) -> bytes:
    other = dice.choice(seeds())
    return data[: dice.randrange(len(data))] + other[dice.randrange(len(other)) :]


def rewritten(data: bytes, dice: random.Random) -> bytes:
    """Damage inside a PNG's chunks, also inside what is packed, with checksums that fit; other formats: bytes."""
    if not data.startswith(b"\x89PNG"):
        return flipped(overwritten(data, dice), dice)
    chunks = chunks_of(data)
    if not chunks:
        return data
    at = dice.randrange(len(chunks))
    kind, body = chunks[at]
    if kind == b"IDAT" and dice.random() < 0.7:
        with contextlib.suppress(zlib.error):  # damaged already
            body = zlib.compress(damaged_once(zlib.decompress(body), dice), 1)
    else:
        body = damaged_once(body, dice)
    chunks[at] = kind, body
    if dice.random() < 0.2:
        dice.shuffle(chunks)
    return written(chunks)


def damaged_once(data: bytes, dice: random.Random) -> bytes:
    return dice.choice((flipped, cut, without, overwritten, repeated))(data, dice) if data else data


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped,
    flipped,
    cut,
    without,
    overwritten,
    overwritten,
    repeated,
    spliced,
    rewritten,
    rewritten,
)


def damaged(seed: int, number: int) -> bytes:
    """The picture of this number, the same every time."""
    dice = random.Random(seed * 10_000_000 + number)
    data = dice.choice(seeds())
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = dice.choice(DAMAGES)(data, dice) or b"\0"
    return data


def verdict(data: bytes) -> str:
    """`read`, or the code of our error.

    Raises:
        AssertionError: a promise is broken. And whatever passed `pixels` though it must not.
    """
    began = time.process_time()
    try:
        facts = check(data, LIMITS)
    except CallersError as error:
        with contextlib.suppress(CallersError):
            decode(data, LIMITS)
            raise AssertionError("check refuses what can be read") from error
        found = error.code
    else:
        picture = decode(data, LIMITS)
        assert picture.mode == "RGB", picture.mode
        assert picture.size == facts.size == inspect(data, LIMITS).size
        assert not picture.info
        assert thumbnail(data, 16)
        found = "read"
    took_s = time.process_time() - began
    assert took_s < LIMIT_S, f"took {took_s:.1f} s"
    return found


def run(seed: int, numbers: range) -> tuple[Counter[str], list[str]]:
    """How many ended how, and what broke a promise."""
    counts: Counter[str] = Counter()
    broken = []
    for number in numbers:
        try:
            counts[verdict(damaged(seed, number))] += 1
        except Exception as exc:
            broken.append(f"--seed {seed} --only {number}: {type(exc).__name__}: {exc}")
    return counts, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one number, with its traceback")
    given = parser.parse_args()
    if given.only is not None:
        print(verdict(damaged(given.seed, given.only)))
        return 0
    began = time.monotonic()
    counts: Counter[str] = Counter()
    broken: list[str] = []
    for start in range(0, given.many, 5_000):
        some, wrong = run(given.seed, range(start, min(start + 5_000, given.many)))
        counts, broken = counts + some, broken + wrong
        print(f"{start + some.total() + len(wrong):,} in {time.monotonic() - began:.0f} s: {dict(counts)}", flush=True)
        print("\n".join(wrong), end="\n" if wrong else "", flush=True)
    print(f"{len(broken)} broke a promise")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
