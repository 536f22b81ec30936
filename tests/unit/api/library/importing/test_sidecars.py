"""Files beside a picture say what it is: an infotext, a caption, an XMP packet; whatever is in them does no harm."""

import pytest

from api.library import xmp
from api.library.importing.sidecars import described, names_beside
from api.library.xmp import Described

INFOTEXT = "a lamp\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x48"


def test_they_are_called_like_the_picture_with_or_without_its_ending():
    assert list(names_beside("a/b.c.png")) == [
        ("a/b.c.txt", ".txt"),
        ("a/b.c.png.txt", ".txt"),
        ("a/b.c.xmp", ".xmp"),
        ("a/b.c.png.xmp", ".xmp"),
    ]


def test_a_text_is_an_infotext_or_a_caption():
    assert described(INFOTEXT.encode(), None) == Described(parameters=INFOTEXT)
    assert described(b" a red lamp \n", None) == Described(caption="a red lamp")
    assert described(b"", None) == described(None, None) == Described()


def test_a_packet_comes_before_a_text():
    packet = xmp.write(Described(caption="from xmp", tags=("sea",), stars=4)).encode()

    assert described(b"from a text", packet) == Described(caption="from xmp", tags=("sea",), stars=4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_usual_encodings_are_read(encoding: str):
    assert described("Möwe".encode(encoding), None).caption == "Möwe"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize("packet", [b"\xff\xfe\x00", BOMB.encode(), b"<a>" * 5000, b"\0" * 100, b"<x" * 1000])
def test_a_packet_that_is_none_says_nothing(packet: bytes):
    assert described(None, packet) == Described()
