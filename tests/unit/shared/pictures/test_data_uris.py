"""Pictures as text: what RFC 2397 and RFC 4648 allow is read, everything else is refused by the character."""

import base64

import pytest

from shared.errors import BadPicture
from shared.pictures.data_uris import from_text

#: Its base64 has both characters in which the two alphabets differ, and needs padding.
DATA = b"\xfb\xef\xbe\xff\xfe\x89PNG"
PLAIN = base64.b64encode(DATA).decode()
URL_SAFE = base64.urlsafe_b64encode(DATA).decode()


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        URL_SAFE,
        PLAIN.rstrip("="),
        URL_SAFE.rstrip("="),
        PLAIN + "=",
        "\n".join(PLAIN),
        f"  {PLAIN}\r\n",
        f"\u00a0{PLAIN}\u2028",
        PLAIN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        PLAIN[:4] + "%0D%0A" + PLAIN[4:],
    ],
)
@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_base64_is_read_in_both_alphabets_with_or_without_padding_and_white_space(head, body):
    assert from_text(head + body)[0] == DATA


def test_a_mark_of_the_byte_order_before_it_costs_nothing():
    assert from_text("\ufeffdata:image/png;base64," + PLAIN) == (DATA, "image/png")


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        ("data:image/png;base64,", "image/png"),
        ("DATA:IMAGE/PNG;BASE64,", "IMAGE/PNG"),
        ("Data:image/png;Base64,", "image/png"),
        ("data:image/*;base64,", "image/*"),
        ("data:;base64,", None),
        ("data:image/jpg;name=a.jpg;base64,", "image/jpg"),
        ("data:image/png;charset=utf-8;name=a%2Cb.png;base64,", "image/png"),
        ('data:image/png;name="a, b.png";base64,', "image/png"),
        ("data:image/png; base64 ,", "image/png"),
        (f"data:image/png;name={'x' * 1000};base64,", "image/png"),
        ("data:image/svg+xml;base64,", "image/svg+xml"),
    ],
)
def test_a_data_uri_may_say_what_the_rfc_lets_it_say(head, claimed):
    assert from_text(head + PLAIN) == (DATA, claimed)


def test_a_data_uri_without_base64_is_octets_as_in_an_address():
    assert from_text("data:image/png,%89PNG%0D%0a") == (b"\x89PNG\r\n", "image/png")


@pytest.mark.parametrize(
    "text", ["data:image/png;base64", "data:", "no base64!", "ab=cd", "äöü", "A", "data:image/png;base64,***", "{}"]
)
def test_what_is_neither_is_refused(text):
    with pytest.raises(BadPicture):
        from_text(text)
