"""Good pictures as people's programs really write them: none is refused for what is not its pixels, and each is seen upright
in the colours it means."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.errors import BadPicture, TooLarge, UnsupportedMedia
from shared.pictures.pixels import MIB, PictureLimits, check, decode, inspect, thumbnail, to_png
from tests.pictures import CASES, case, chunk, png, saved, with_chunk

LIMITS = PictureLimits(32 * MIB, 50_000_000)
FILES = sorted(path.name for path in CASES.iterdir() if path.suffix != ".md")
HOUSE, SKY, GRASS = (200, 30, 30), (60, 120, 220), (40, 160, 60)
RED, BLUE = (220, 30, 30), (30, 40, 210)
#: A TIFF type and one value of it, as (type, value's bytes in little-endian order) → Orientation 6.
SIX = {
    "byte": (1, b"\x06"),
    "text": (2, b"6\0"),
    "short": (3, struct.pack("<H", 6)),
    "long": (4, struct.pack("<I", 6)),
    "rational": (5, struct.pack("<II", 12, 2)),
    "signed byte": (6, b"\x06"),
    "undefined": (7, b"\x06"),
    "signed short": (8, struct.pack("<h", 6)),
    "signed long": (9, struct.pack("<i", 6)),
    "signed rational": (10, struct.pack("<ii", 6, 1)),
    "float": (11, struct.pack("<f", 6)),
    "double": (12, struct.pack("<d", 6)),
}


def is_near(picture: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], levels: int = 3) -> bool:
    return bool(np.abs(np.subtract(picture.getpixel(at), colour)).max() <= levels)


def exif_with(*tags: tuple[int, int, bytes]) -> bytes:
    """EXIF of these tags (number, type, value), each of one value."""
    rows, values, at = b"", b"", 8 + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", at + len(values))
        values += value if len(value) > 4 else b""
        rows += struct.pack("<HHI", tag, kind, len(value) if kind in (2, 7) else 1) + place
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + values


def halves() -> Image.Image:
    """Left red, right blue; upright after Orientation 6 it is red above blue."""
    picture = Image.new("RGB", (48, 32), RED)
    picture.paste(BLUE, (24, 0, 48, 32))
    return picture


def is_upright(data: bytes) -> bool:
    facts, seen = inspect(data, LIMITS), decode(data, LIMITS)
    return facts.size == seen.size == (32, 48) and is_near(seen, (16, 8), RED, 12) and is_near(seen, (16, 40), BLUE, 12)


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


# -- which way is up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_of_any_type_turns_the_picture(kind, name):
    exif = exif_with((0x0100, 2, b"wide\0"), (0x0112, *SIX[name]))

    assert is_upright(saved(halves(), kind, exif=b"Exif\0\0" + exif if kind == "JPEG" else exif, quality=95))


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"XX*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        exif_with((0x0112, 3, b"\x09\0")),
        exif_with((0x0112, 5, bytes(8))),
        exif_with((0x0112, 11, struct.pack("<f", float("nan")))),
        exif_with((0x0112, 12, struct.pack("<d", float("inf")))),
        exif_with((0x0112, 2, b"six\0")),
        exif_with((0x0112, 99, b"\x06")),
        exif_with((0x0112, 3, b"\x06\0"))[:15],
    ],
)
def test_an_orientation_that_cannot_be_read_turns_nothing(exif):
    data = with_chunk(saved(halves(), "PNG"), b"eXIf", exif)

    assert decode(data, LIMITS).size == (48, 32)


def test_an_orientation_in_xmp_or_in_old_programs_text_counts_too():
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + b'<rdf tiff:Orientation="6"/>'
    raw = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n      50\n" + exif_with((0x0112, 3, b"\x06\0")).hex().encode()
    )

    assert is_upright(with_chunk(saved(halves(), "PNG"), b"iTXt", xmp))
    assert is_upright(with_chunk(saved(halves(), "PNG"), b"zTXt", raw))


def test_an_avif_is_upright_whatever_its_exif_says_about_other_things():
    exif = Image.Exif()
    exif[0x0112], exif[0x0100] = 6, 48
    plain = saved(halves(), "AVIF", exif=exif, speed=10, quality=95)
    odd = plain.replace(b"\x01\x00\x00\x04", b"\x01\x00\x00\x02")

    assert is_upright(plain)
    assert odd != plain
    assert is_upright(odd)


# -- what nobody needs -------------------------------------------------------------------------------------------------


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


# -- colours -----------------------------------------------------------------------------------------------------------


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


# -- depths and transparency -------------------------------------------------------------------------------------------


def test_a_night_in_sixteen_bits_stays_dark():
    assert np.asarray(decode(case("grey16_night.png"), LIMITS)).mean() <= 1


def test_sixteen_bits_end_where_eight_do():
    values = np.array([[0, 128, 129, 257, 32_896, 65_535]], np.uint16)

    seen = decode(saved(Image.fromarray(values), "PNG"), LIMITS)

    assert np.asarray(seen)[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_a_transparent_colour_is_compared_in_sixteen_bits():
    grey = decode(case("grey16_trns.png"), LIMITS)
    rgb = decode(case("rgb16_trns.png"), LIMITS)

    assert grey.getpixel((0, 0)) == (255, 255, 255)
    assert grey.getpixel((1, 0))[0] <= 2
    assert rgb.getpixel((2, 2)) == (255, 255, 255)
    assert rgb.getpixel((16, 16)) == (255, 0, 0)


def rgb16_png(*pixels: tuple[int, int, int]) -> bytes:
    row = b"\0" + b"".join(struct.pack(">3H", *pixel) for pixel in pixels)
    header = struct.pack(">IIBBBBB", len(pixels), 1, 16, 2, 0, 0, 0)
    return png()[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def test_a_colour_that_differs_in_its_lower_byte_alone_is_not_transparent():
    data = with_chunk(rgb16_png((0x1234,) * 3, (0x1235, 0x1234, 0x1234)), b"tRNS", struct.pack(">3H", *(0x1234,) * 3))

    seen = decode(data, LIMITS)

    assert seen.getpixel((0, 0)) == (255, 255, 255)
    assert seen.getpixel((1, 0)) == (0x12, 0x12, 0x12)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_counts_in_the_pictures_own_depth(depth):
    header = struct.pack(">IIBBBBB", 8 // depth, 1, depth, 0, 0, 0, 0)
    most = 2**depth - 1
    row = bytes((0, most << (8 - depth)))  # the first pixel is white, the others are black
    data = png()[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    black_is_clear = with_chunk(data, b"tRNS", struct.pack(">H", 0))
    white_is_clear = with_chunk(data, b"tRNS", struct.pack(">H", most))

    assert set(decode(black_is_clear, LIMITS).getdata()) == {(255, 255, 255)}
    assert list(decode(white_is_clear, LIMITS).getdata()) == list(decode(data, LIMITS).getdata())


def test_a_transparent_rgb_colour_is_white():
    data = with_chunk(saved(halves(), "PNG"), b"tRNS", struct.pack(">3H", *BLUE))

    seen = decode(data, LIMITS)

    assert seen.getpixel((5, 5)) == RED
    assert seen.getpixel((40, 5)) == (255, 255, 255)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(100, 16_384), (1, 65_500), (65_500, 1), (20_000, 50)])
@pytest.mark.parametrize("wanted", [1, 16, 4096])
def test_a_thumbnail_of_any_picture_is_within_webps_limits(width, height, wanted):
    shown = Image.open(io.BytesIO(thumbnail(png(width, height), wanted)))

    assert shown.width <= min(wanted, 16_383)
    assert 1 <= shown.height <= min(height, 16_383)


def test_a_thumbnail_of_a_turned_jpeg_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = Image.open(io.BytesIO(thumbnail(saved(halves().resize((960, 640)), "JPEG", exif=exif), 32)))

    assert shown.size == (32, 48)
    assert is_near(shown.convert("RGB"), (16, 6), RED, 20)


@pytest.mark.parametrize("wide", [b"\xff\x3f\x00", b"\xff\xff\xff"])
def test_a_webp_that_claims_a_huge_canvas_is_refused_by_its_header(wide):
    data = b"RIFF" + struct.pack("<I", 60) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + wide * 2
    with pytest.raises(TooLarge, match="the limit is"):
        inspect(data + b"ANIM" + struct.pack("<I", 6) + bytes(6), LIMITS)
