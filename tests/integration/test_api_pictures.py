"""A folder of hostile pictures at the API's door: what is one gets in, upright and in its colours; nothing else does."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageSequence

from shared.pictures.pixels import MIB, PictureLimits, decode

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 40), (30, 40, 210), (230, 220, 40)
WIDE = (64, 40)


def quarters() -> Image.Image:
    """Four colours, so that every turn and every mirror shows: red green over blue yellow."""
    picture = Image.new("RGB", WIDE, RED)
    picture.paste(GREEN, (WIDE[0] // 2, 0, WIDE[0], WIDE[1] // 2))
    picture.paste(BLUE, (0, WIDE[1] // 2, WIDE[0] // 2, WIDE[1]))
    picture.paste(YELLOW, (WIDE[0] // 2, WIDE[1] // 2, *WIDE))
    return picture


def saved(picture: Image.Image, kind: str, **how) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """A JPEG that is stored turned, and says so, such that upright it shows the quarters."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = quarters()
    stored = picture.transpose(undo[orientation]) if orientation in undo else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(stored, "JPEG", quality=95, exif=exif)


def grey16() -> bytes:
    ramp = np.linspace(0, 65535, 64 * 40).reshape(40, 64).astype(np.uint16)
    return saved(Image.fromarray(ramp), "PNG")


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than its few bytes hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


def bomb() -> bytes:
    """64 million pixels in a few kilobytes."""
    return saved(Image.new("L", (8_000, 8_000)), "PNG", compress_level=9)


def text_bomb() -> bytes:
    """A PNG text chunk that unpacks to far more than it weighs."""
    body = saved(quarters(), "PNG")
    text = b"Comment\0\0" + zlib.compress(b"x" * (80 * MIB), 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    return body[:33] + chunk + body[33:]


def animated(kind: str) -> bytes:
    frames = [quarters(), Image.new("RGB", WIDE, (0, 0, 0))]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def with_alpha(kind: str) -> bytes:
    picture = quarters().convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    return saved(picture, kind)


GOOD = {
    "a bomb in a text that nobody unpacks": text_bomb,
    "jpeg": lambda: saved(quarters(), "JPEG", quality=95),
    "progressive jpeg": lambda: saved(quarters(), "JPEG", quality=95, progressive=True),
    "png": lambda: saved(quarters(), "PNG"),
    "interlaced palette png": lambda: saved(quarters().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "webp": lambda: saved(quarters(), "WEBP", quality=95),
    "lossless webp": lambda: saved(quarters(), "WEBP", lossless=True),
    "gif": lambda: saved(quarters().quantize(16), "GIF"),
    "animated gif": lambda: animated("GIF"),
    "animated webp": lambda: animated("WEBP"),
    "animated png": lambda: animated("PNG"),
    "cmyk jpeg": lambda: saved(quarters().convert("CMYK"), "JPEG", quality=95),
    "alpha png": lambda: with_alpha("PNG"),
    "alpha webp": lambda: with_alpha("WEBP"),
    **{f"exif {n}": (lambda n=n: turned(n)) for n in range(1, 9)},
}
COLOURLESS = {
    "16-bit png": grey16,
    "1-bit png": lambda: saved(quarters().convert("1"), "PNG"),
    "grey jpeg": lambda: saved(quarters().convert("L"), "JPEG"),
    "grey alpha png": lambda: saved(quarters().convert("LA"), "PNG"),
    "transparent palette gif": lambda: saved(quarters().quantize(16), "GIF", transparency=3),
    "one pixel": lambda: saved(Image.new("RGB", (1, 1)), "PNG"),
    "a thin strip": lambda: saved(Image.new("RGB", (3000, 1)), "PNG"),
}
#: name → (bytes, claimed media type or None for the API's own, statuses)
BAD = {
    "zero bytes": (lambda: b"", None, (400, 422)),
    "one byte": (lambda: b"\xff", None, (422,)),
    "text": (lambda: b"this is no picture at all", None, (422,)),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', None, (415, 422)),
    "svg that says so": (lambda: b"<svg/>", "image/svg+xml", (415, 422)),
    "html": (lambda: b"<html><script>alert(1)</script></html>", "image/png", (422,)),
    "bmp": (lambda: saved(quarters(), "BMP"), None, (415,)),
    "tiff": (lambda: saved(quarters(), "TIFF"), None, (415,)),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", None, (415, 422)),
    "truncated jpeg": (lambda: saved(quarters(), "JPEG", quality=95)[:-400], None, (422,)),
    "truncated png": (lambda: saved(quarters(), "PNG")[:-60], None, (422,)),
    "truncated webp": (lambda: saved(quarters(), "WEBP", lossless=True)[:-30], None, (422,)),
    "truncated gif": (lambda: saved(quarters().quantize(16), "GIF")[:200], None, (422,)),
    "png with a broken checksum": (lambda: saved(quarters(), "PNG").replace(b"IDAT", b"IDAX"), None, (422,)),
    "a jpeg that says png": (lambda: saved(quarters(), "JPEG"), "image/png", (422,)),
    "a png that says jpeg": (lambda: saved(quarters(), "PNG"), "image/jpeg", (422,)),
    "a bomb": (bomb, None, (413, 422)),
    "a header with a huge width": (lambda: png_claiming(2**31 - 1, 1), None, (413, 422)),
    "a header with a huge size": (lambda: png_claiming(100_000, 100_000), None, (413, 422)),
    "a header with no size": (lambda: png_claiming(0, 0), None, (422,)),
    "a header that lies": (lambda: png_claiming(4000, 4000), None, (422,)),
    "more bytes than allowed": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * (33 * MIB), None, (413,)),
}


def upload(web, data: bytes, claimed: str | None = None):
    return web.post("/v1/images", data=data, content_type=claimed or "application/octet-stream")


def analyze(web, data: bytes, claimed: str | None = None):
    text = base64.b64encode(data).decode()
    image = f"data:{claimed};base64,{text}" if claimed else text
    return web.post("/v1/analyze", json={"image": image, "tasks": [{"task": "rating"}]})


@pytest.mark.parametrize("name", GOOD)
def test_a_picture_gets_in_and_is_seen_upright_in_its_colours(web, services, name):
    data = GOOD[name]()

    stored = upload(web, data)
    job = analyze(web, data)

    assert stored.status_code == 201, stored.json
    assert job.status_code == 202, job.json
    seen = decode(services.artifacts.get(job.json["params"]["image"]), services.picture_limits)
    assert seen.mode == "RGB"
    assert seen.size == WIDE
    for at, colour in (((16, 10), RED), ((48, 10), GREEN), ((16, 30), BLUE), ((48, 30), YELLOW)):
        assert np.abs(np.subtract(seen.getpixel(at), colour)).max() < 45, (at, seen.getpixel(at))


@pytest.mark.parametrize("name", COLOURLESS)
def test_an_unusual_picture_gets_in(web, services, name):
    data = COLOURLESS[name]()

    assert upload(web, data).status_code == 201
    assert analyze(web, data).status_code == 202
    assert decode(data, services.picture_limits).mode == "RGB"


def test_sixteen_bits_keep_their_shades(services):
    seen = np.asarray(decode(grey16(), services.picture_limits).convert("L")).astype(int)

    assert seen[0, 0] < 3
    assert 120 < seen[20, 0] < 136
    assert seen[-1, -1] > 252


def test_what_is_transparent_is_seen_as_white():
    seen = decode(with_alpha("PNG"), PictureLimits(MIB, 10_000))

    assert seen.getpixel((0, 0)) == (255, 255, 255)


def test_only_the_first_frame_is_decoded():
    gif = animated("GIF")
    frames = sum(1 for _ in ImageSequence.Iterator(Image.open(io.BytesIO(gif))))

    assert frames == 2
    assert decode(gif, PictureLimits(MIB, 10_000)).getpixel((16, 10))[0] > 150


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_good_picture_stays_out_and_is_told_why(web, name):
    make, claimed, statuses = BAD[name]
    data = make()

    uploaded = upload(web, data, claimed)
    asked = analyze(web, data, claimed)

    assert uploaded.status_code in statuses, uploaded.json
    assert asked.status_code in statuses, asked.json
    for answer in (uploaded, asked):
        assert answer.json["error"]["code"] in ("invalid_request", "bad_picture", "too_large", "unsupported_media")
        assert answer.json["error"]["field"]
    assert web.get("/healthz").status_code == 200
