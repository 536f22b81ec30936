"""Good pictures as people's programs really write them: none is refused for what is not its pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shared.errors import BadPicture, UnsupportedMedia
from shared.pictures.pixels import MIB, check, decode, inspect, thumbnail
from tests.pictures import case, png, saved, with_chunk
from tests.unit.shared.pictures.odd import FILES, HOUSE, LIMITS, SKY, exif_with, halves, is_near


@pytest.mark.parametrize("name", FILES)
def test_a_good_picture_is_read_however_odd_it_is(name):
    facts = check(case(name), LIMITS)

    seen = decode(case(name), LIMITS)
    assert seen.size == facts.size == inspect(case(name), LIMITS).size
    assert seen.mode == "RGB"
    assert thumbnail(case(name), 16)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("exif_")])
def test_an_odd_tag_beside_the_orientation_costs_nothing(name):
    seen = decode(case(name), LIMITS)

    assert seen.size == (32, 48)
    assert is_near(seen, (16, 8), HOUSE)


def test_a_cameras_mpo_is_a_jpeg_and_its_first_picture_counts():
    assert check(case("phone_mpo.jpg"), LIMITS).media_type == "image/jpeg"
    assert inspect(case("phone_mpo_exif6.jpg"), LIMITS).size == (120, 160)


@pytest.mark.parametrize(
    "kind", [b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"gAMA", b"iCCP", b"eXIf", b"acTL", b"xxXx"]
)
@pytest.mark.parametrize("body", [b"", b"\0", b"\xff" * 40, b"a\0\0" + b"\xff" * 9])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_png_loses_nothing_by_a_broken_chunk_it_does_not_need(kind, body, is_whole):
    data = with_chunk(png(), kind, body, is_whole=is_whole)

    assert decode(data, LIMITS).getpixel((5, 5)) == (180, 40, 30)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_png_whose_needed_chunk_has_a_wrong_checksum_is_refused_by_its_name(kind):
    data = saved(halves().quantize(4), "PNG")
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    broken = data[:end] + bytes((data[end] ^ 1,)) + data[end + 1 :]

    with pytest.raises(BadPicture, match=kind.decode()):
        check(broken, LIMITS)


def test_a_text_that_would_fill_the_memory_is_not_unpacked():
    packed = b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(40 * MIB), 1)
    data = with_chunk(png(), b"zTXt", packed)

    assert check(data, LIMITS).size == (64, 48)


@pytest.mark.parametrize("name", ["icc_p3.png", "icc_prophoto.png"])
def test_a_profile_of_megabytes_is_followed(name):
    data = case(name)
    profile = Image.open(io.BytesIO(data)).info["icc_profile"]
    long = saved(Image.open(io.BytesIO(data)), "PNG", icc_profile=profile + np.random.default_rng(1).bytes(2 * MIB))

    assert is_near(decode(long, LIMITS), (80, 8), SKY)


def test_a_jpeg_with_broken_segments_about_itself_is_read():
    good = saved(halves(), "JPEG")
    broken = b"".join(
        b"\xff" + bytes((marker,)) + struct.pack(">H", len(body) + 2) + body
        for marker, body in (
            (0xE1, b"Exif\0\0II*\0"),
            (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
            (0xE2, b"ICC_PROFILE\0\x02\x03xx"),
            (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0"),
            (0xEE, b"Adobe"),
            (0xFE, b""),
        )
    )

    assert decode(good[:2] + broken + good[20:], LIMITS).size == (48, 32)


def test_a_webp_cut_short_in_its_metadata_is_read():
    data = saved(halves(), "WEBP", exif=exif_with((0x010F, 2, b"a camera\0" * 9)))

    assert decode(data[:-40], LIMITS).size == (48, 32)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_picture_that_is_cut_short_is_refused(kind):
    data = saved(Image.effect_noise((64, 64), 90).convert("P" if kind == "GIF" else "RGB"), kind)

    for share in (0.2, 0.5, 0.8):
        with pytest.raises(BadPicture):
            check(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_a_heic_is_told_how_to_convert(brand):
    data = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"heic" + bytes(200)

    with pytest.raises(UnsupportedMedia, match="convert it to JPEG"):
        inspect(data, LIMITS)


@pytest.mark.parametrize(
    ("claimed", "kind"),
    [
        *((each, "JPEG") for each in ("image/jpg", "image/pjpeg", "image/jfif", "IMAGE/JPEG", "image/jpeg; q=1")),
        *((each, "PNG") for each in ("image/x-png", "image/apng", "image/*", "application/octet-stream", "", None)),
        ("image/avif-sequence", "AVIF"),
    ],
)
def test_every_name_of_a_type_is_taken(claimed, kind):
    assert check(saved(halves(), kind), LIMITS, claimed_type=claimed)
