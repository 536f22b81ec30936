"""`/v1/images` against a real store."""

import base64
import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from api.responses import pictures
from tests.pictures import CASES, case, jpeg, png, saved


@pytest.fixture
def stored(web) -> str:
    """The address of a stored picture."""
    return web.post("/v1/images", data=png(640, 480), content_type="image/png").headers["Location"]


def test_a_picture_comes_back_as_it_was(web):
    answer = web.post("/v1/images", data=png(64, 48), content_type="image/png")

    assert answer.status_code == 201
    assert answer.json["id"].startswith("img_")
    assert (answer.json["width"], answer.json["height"], answer.json["size_bytes"]) == (64, 48, len(png(64, 48)))
    assert web.get(answer.headers["Location"]).data == png(64, 48)


def test_a_form_with_one_file_is_taken_whatever_its_field_is_called(web):
    form = {"file": (io.BytesIO(jpeg()), "holiday.jpg")}

    assert web.post("/v1/images", data=form).json["media_type"] == "image/jpeg"


def test_a_form_without_a_file_is_refused(web):
    answer = web.post("/v1/images", data={"image": "text"}, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == "image"


def test_the_same_bytes_have_the_same_id(web, stored):
    assert web.post("/v1/images", data=png(640, 480), content_type="image/png").headers["Location"] == stored


def test_a_picture_may_be_kept_for_ever_and_asked_for_by_etag(web, stored):
    answer = web.get(stored)

    assert "immutable" in answer.headers["Cache-Control"]
    assert web.get(stored, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_thumbnail_is_webp_in_the_pictures_own_aspect(web, stored):
    answer = web.get(f"{stored}?width=160")

    assert answer.mimetype == "image/webp"
    assert Image.open(io.BytesIO(answer.data)).size == (160, 120)


@pytest.fixture
def decoded(services, monkeypatch) -> list[int]:
    """Widths of the smaller pictures that were made."""
    widths: list[int] = []
    make = services.decoding.thumbnail

    def noted(data, facts, width_px):
        widths.append(width_px)
        return make(data, facts, width_px)

    monkeypatch.setattr(services.decoding, "thumbnail", noted)
    return widths


def test_a_thumbnail_of_a_fixed_width_is_made_once(web, stored, decoded):
    answers = [web.get(f"{stored}?width={width}") for width in (320, 320, 300, 300)]

    assert decoded == [320, 300, 300]
    assert answers[0].data == answers[1].data
    assert Image.open(io.BytesIO(answers[1].data)).size == (320, 240)


def test_a_stored_thumbnail_that_is_cut_short_is_made_anew(web, stored, decoded, services):
    whole = web.get(f"{stored}?width=320").data
    services.artifacts.put_smaller(stored.rpartition("/")[2], f"320-{pictures.DECODER_VERSION}", whole[:-10])

    assert web.get(f"{stored}?width=320").data == whole
    assert decoded == [320, 320]


def test_a_thumbnail_made_by_an_older_decoder_is_asked_for_again(web, stored, monkeypatch, services):
    before = web.get(f"{stored}?width=320")
    services.artifacts.put_smaller(
        stored.rpartition("/")[2], f"320-{pictures.DECODER_VERSION}", b"of the older decoder"
    )
    monkeypatch.setattr(pictures, "DECODER_VERSION", pictures.DECODER_VERSION + 1)

    again = web.get(f"{stored}?width=320", headers={"If-None-Match": before.headers["ETag"]})

    assert (again.status_code, again.data) == (200, before.data)
    assert "immutable" not in before.headers["Cache-Control"]


def test_a_picture_and_its_thumbnail_have_their_own_etags(web, stored):
    assert web.get(stored).headers["ETag"] != web.get(f"{stored}?width=160").headers["ETag"]


def test_head_tells_size_and_type_without_the_bytes(web, stored):
    answer = web.head(stored)

    assert answer.data == b""
    assert int(answer.headers["Content-Length"]) == len(png(640, 480))
    assert answer.mimetype == "image/png"


def test_an_unknown_picture_is_not_found(web):
    assert web.get("/v1/images/img_" + "0" * 32).status_code == 404


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"", "image/png", 422),
        (b"no picture", "image/png", 422),
        (png()[:-30], "image/png", 422),
        (png(), "image/jpeg", 422),
        (png(), "text/plain", 415),
        (png(), None, 415),
        (b"%PDF-1.4", "application/octet-stream", 422),
        (png(8000, 8000), "image/png", 413),
    ],
    ids=["empty", "text", "cut short", "mislabelled", "wrong type", "no type", "pdf", "bomb"],
)
def test_what_is_no_acceptable_picture_is_refused_by_cause(web, data, content_type, status):
    answer = web.post("/v1/images", data=data, content_type=content_type)

    assert answer.status_code == status
    assert answer.json["error"]["message"]


def test_upload_and_header_agree_on_the_upright_size(web):
    answer = web.post("/v1/images", data=case("exif6.jpg"), content_type="image/jpeg")

    assert (answer.json["width"], answer.json["height"]) == (120, 160)
    shown = Image.open(io.BytesIO(web.get(f"{answer.json['url']}?width=60").data))
    assert shown.size == (60, 80)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir() if path.suffix != ".md"))
def test_an_odd_but_good_picture_is_taken_in_every_way(web, name):
    data = case(name)
    uri = "data:image/*;base64," + base64.b64encode(data).decode()

    stored = web.post("/v1/images", data=data, content_type="application/octet-stream")
    form = web.post("/v1/images", data={"image": (io.BytesIO(data), name)})
    asked = web.post("/v1/analyze", json={"image": uri, "tasks": [{"task": "rating"}]})

    assert (stored.status_code, form.status_code, asked.status_code) == (201, 201, 202)
    assert web.get(f"{stored.json['url']}?width=16").mimetype == "image/webp"


def test_a_tall_picture_has_a_thumbnail(web):
    url = web.post("/v1/images", data=png(40, 16_384), content_type="image/png").headers["Location"]

    answer = web.get(f"{url}?width=1024")

    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.data)).size == (40, 16_383)


def test_a_known_thumbnail_is_not_made_again(web, stored, services, monkeypatch):
    etag = web.get(f"{stored}?width=160").headers["ETag"]
    monkeypatch.setattr(type(services.decoding), "thumbnail", None)

    assert web.get(f"{stored}?width=160", headers={"If-None-Match": etag}).status_code == 304


def test_an_avif_is_a_picture_and_a_heic_is_told_how_to_convert(web):
    avif = web.post("/v1/images", data=saved(Image.new("RGB", (64, 48)), "AVIF"), content_type="image/avif")
    heic = web.post("/v1/images", data=b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", content_type="image/heic")

    assert (avif.status_code, avif.json["media_type"]) == (201, "image/avif")
    assert web.get(avif.json["url"]).mimetype == "image/avif"
    assert heic.status_code == 415
    assert "convert it to JPEG" in heic.json["error"]["message"]


def test_without_room_a_picture_is_told_when_to_come_again(web, services, monkeypatch):
    monkeypatch.setattr(services.decoding, "_taken_px", services.decoding._room_px)

    upload = web.post("/v1/images", data=png(), content_type="image/png")
    asked = web.post("/v1/analyze", json={"image": base64.b64encode(png()).decode(), "tasks": [{"task": "rating"}]})

    for answer in (upload, asked):
        assert answer.status_code == 503
        assert answer.json["error"]["code"] == "not_ready"
        assert answer.json["error"]["retryable"]
        assert int(answer.headers["Retry-After"]) >= 1


def with_text(keyword: str, text: str) -> bytes:
    chunks = PngInfo()
    chunks.add_text(keyword, text)
    data = io.BytesIO()
    Image.new("RGB", (24, 16)).save(data, "PNG", pnginfo=chunks)
    return data.getvalue()


A1111 = (
    "a cat\nNegative prompt: fog\nSteps: 8, Sampler: Euler a, CFG scale: 5, Seed: 41, Size: 128x128, Model: other-xl"
)


@pytest.mark.parametrize("how", ["body", "form"])
def test_a_dropped_picture_tells_how_to_make_it_again_and_nothing_is_stored(web, services, how):
    data = with_text("parameters", A1111)
    sent = (
        {"data": data, "content_type": "image/png"}
        if how == "body"
        else {"data": {"image": (io.BytesIO(data), "a.png")}}
    )

    answer = web.post("/v1/images/metadata", **sent)

    assert answer.status_code == 200
    assert (answer.json["program"], answer.json["width"], answer.json["text"]) == ("a1111", 24, A1111)
    assert answer.json["request"] == {
        "prompt": "a cat",
        "negative_prompt": "fog",
        "width": 128,
        "height": 128,
        "steps": 8,
        "guidance_scale": 5.0,
        "scheduler": "euler_ancestral",
        "schedule": "normal",
        "seed": 41,
    }
    assert [row["field"] for row in answer.json["left_out"]] == ["model"]
    assert web.post("/v1/generate", json=answer.json["request"] | {"model": "sdxl-toy"}).status_code == 202
    assert not list(services.artifacts.ids())


def test_a_picture_that_says_nothing_is_no_error(web):
    answer = web.post("/v1/images/metadata", data=png(), content_type="image/png")

    assert (answer.status_code, answer.json["program"], answer.json["request"]) == (200, None, {})


def test_hostile_words_in_a_picture_come_back_as_words(web):
    hostile = "<script>alert(1)</script>\nSteps: 8, Seed: 1"

    answer = web.post("/v1/images/metadata", data=with_text("parameters", hostile), content_type="image/png")

    assert answer.json["request"]["prompt"] == "<script>alert(1)</script>"
    assert answer.mimetype == "application/json"


def test_what_is_no_picture_is_refused_there_too(web):
    for sent, kind in ((b"hello", "image/png"), (b"", "image/png"), (b"{}", "application/json")):
        stored, read = (web.post(f"/v1/images{end}", data=sent, content_type=kind) for end in ("", "/metadata"))
        assert (read.status_code, read.json) == (stored.status_code, stored.json)
    assert web.get("/v1/images/metadata").status_code == 405
