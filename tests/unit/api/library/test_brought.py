"""What a picture from outside says of itself becomes fields; nothing in it, or in its name, can do harm."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from api.library import xmp
from api.library.brought import MAX_NAME_CHARS, Brought, asset_of, clean_name, look
from api.library.xmp import Described
from shared.errors import BadPicture
from shared.pictures.pixels import NO_LIMITS, to_png
from tests.pictures import jpeg, png, saved

INFOTEXT = "a lamp\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x48, Model: toy"


def brought(data: bytes, **more: object) -> Brought:
    given = {"data": data, "picture": "img_" + "0" * 32, "owner": "ada", "origin": "upload", "created_ms": 5}
    return Brought(looked=look(data, NO_LIMITS), **(given | more))


def with_text(keyword: str, text: str) -> bytes:
    info = PngInfo()
    info.add_itxt(keyword, text)
    return saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=info)


def test_a_picture_that_says_nothing_is_an_asset_with_its_looks():
    asset = asset_of(brought(jpeg(64, 48), file_name="a.jpg"))

    assert (asset.width, asset.height, asset.media_type, asset.kind) == (64, 48, "image/jpeg", "upload")
    assert asset.thumbhash
    assert len(asset.dhash) == 16
    assert (asset.prompt, asset.caption, asset.params, asset.file_name) == ("", "", {}, "a.jpg")


def test_what_other_programs_wrote_becomes_fields():
    asset = asset_of(brought(to_png(Image.new("RGB", (8, 8)), parameters=INFOTEXT)))

    assert (asset.prompt, asset.negative_prompt, asset.steps, asset.seed) == ("a lamp", "blur", 20, 5)
    assert (asset.guidance_scale, asset.model, asset.details) == (7.0, "toy", {"program": "a1111"})


def test_words_of_a_file_beside_it_count_where_the_picture_has_none():
    beside = Described(parameters=INFOTEXT, caption="mine", tags=("Red Lamp", "x" * 200, "\0"), stars=4)

    asset = asset_of(brought(png(), beside=beside, tags=("red lamp", "wall")))

    assert (asset.prompt, asset.caption, asset.caption_source, asset.stars) == ("a lamp", "mine", "user", 4)
    assert asset.tags == ("red lamp", "wall")


def test_an_xmp_packet_inside_a_picture_is_read():
    packet = xmp.write(Described(caption="a wall", tags=("brick",), stars=3))

    asset = asset_of(brought(with_text("XML:com.adobe.xmp", packet)))

    assert (asset.caption, asset.tags, asset.stars) == ("a wall", ("brick",), 3)


def test_numbers_that_sql_cannot_hold_stay_in_the_parameters():
    record = {"params": {"steps": 2**40, "seed": 2**70, "prompt": "a \0 lamp"}, "model": "m" * 500}

    asset = asset_of(brought(with_text("darkroom", json.dumps(record))))

    assert (asset.steps, asset.seed, asset.prompt) == (None, None, "a  lamp")
    assert asset.params["steps"] == 2**40


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("lamp.png", "lamp.png"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", ""),
        ("a/..", ""),
        ("a\0b\n.png", "ab .png"),
        ("\U0001f9ea.png", "\U0001f9ea.png"),
        ("half\ud83d.png", "half?.png"),
        ("x" * 300 + ".png", "x" * (MAX_NAME_CHARS - 4) + ".png"),
        ("." * 300, "." * MAX_NAME_CHARS),
    ],
)
def test_a_file_name_is_one_name_that_can_be_stored(sent: str, kept: str):
    assert clean_name(sent) == kept


def test_a_picture_that_is_cut_short_is_refused():
    with pytest.raises(BadPicture, match="cut short"):
        look(jpeg(640, 480)[:900], NO_LIMITS)
