"""A picture is seen in the colours that its profile means; a broken profile changes nothing."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.pictures.pixels import decode, thumbnail, to_png
from tests.pictures import CASES, case, saved
from tests.unit.shared.pictures.odd import GRASS, HOUSE, LIMITS, RED, SKY, halves, is_near


@pytest.mark.parametrize("name", ["icc_p3.png", "icc_adobergb.png", "icc_prophoto.png"])
def test_the_colours_a_profile_means_are_seen(name):
    seen = decode(case(name), LIMITS)

    colours = {colour for _, colour in seen.getcolors()}
    for meant in (HOUSE, SKY, GRASS):
        assert any(np.abs(np.subtract(meant, colour)).max() <= 3 for colour in colours), (meant, colours)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_a_profile_counts_in_every_format(kind):
    picture = Image.open(CASES / "icc_p3.png")
    data = saved(picture.convert("RGB"), kind, icc_profile=picture.info["icc_profile"], quality=98)

    assert is_near(decode(data, LIMITS), (80, 8), SKY, 8)
    assert is_near(decode(data, LIMITS), (80, 112), GRASS, 8)


def test_what_is_written_again_has_no_foreign_profile():
    seen = decode(case("icc_p3.png"), LIMITS)

    for data in (to_png(seen), thumbnail(case("icc_p3.png"), 40)):
        assert "icc_profile" not in Image.open(io.BytesIO(data)).info


def test_srgb_by_its_own_name_changes_no_level():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = Image.effect_noise((64, 64), 90).convert("RGB")

    seen = decode(saved(noise, "PNG", icc_profile=profile), LIMITS)

    assert seen.tobytes() == noise.tobytes()


@pytest.mark.parametrize("profile", [b"\0", b"no profile at all" * 20, bytes(3000)])
def test_a_broken_profile_leaves_the_colours_as_they_are(profile):
    assert decode(saved(halves(), "PNG", icc_profile=profile), LIMITS).getpixel((5, 5)) == RED


def test_a_profile_of_another_kind_of_picture_is_ignored():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    assert decode(saved(halves(), "PNG", icc_profile=profile), LIMITS).getpixel((5, 5)) == RED


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))


def words(text: str) -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text.encode() + bytes(1 + 4 + 4 + 2 + 1 + 67)


def profile_of(space: bytes, connection: bytes, **tags: bytes) -> bytes:
    """A small ICC profile, version 2 (ICC.1:2001-04)."""
    tags = {"desc": words("a test"), "cprt": b"text" + bytes(4) + b"none\0", "wtpt": xyz(0.9642, 1, 0.8249)} | tags
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name.encode() + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I", start + len(body)) + bytes(4) + b"\x02\x10\0\0" + kind + space + connection
    head = (head + bytes(12) + b"acsp").ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def test_a_grey_profile_is_followed():
    linear = profile_of(b"GRAY", b"XYZ ", kTRC=curve(1.0))
    data = saved(Image.new("L", (8, 8), 55), "PNG", icc_profile=linear)

    # 55 of 255 in linear light is 21.6 %, which sRGB writes as 128.
    assert is_near(decode(data, LIMITS), (4, 4), (128, 128, 128), 2)


def test_a_cmyk_jpeg_is_seen_through_its_profile():
    # Every corner of the cube of inks is white but for full cyan, which is mid-grey: no ink profile says so by chance.
    grid = b"".join(bytes((128 if corner & 8 else 255, 128, 128)) for corner in range(16))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + bytes(range(256)) * 4 + grid + bytes(range(256)) * 3
    inks = profile_of(b"CMYK", b"Lab ", A2B0=lut, A2B1=lut)
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))

    plain = decode(saved(cyan, "JPEG", quality=98), LIMITS)
    seen = decode(saved(cyan, "JPEG", quality=98, icc_profile=inks), LIMITS)

    assert is_near(plain, (8, 8), (0, 255, 255), 4)
    assert is_near(seen, (8, 8), (120, 120, 120), 8)
