"""`/v1/images` against a real store."""

import io

import pytest
from PIL import Image

from tests.pictures import jpeg, png


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
