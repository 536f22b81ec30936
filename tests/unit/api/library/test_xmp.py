"""XMP: what we write comes back, what others write is understood, what is hostile says nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.library import xmp
from api.library.xmp import Described

LIGHTROOM = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Seq><rdf:li>sea</rdf:li><rdf:li>dog</rdf:li><rdf:li>sea</rdf:li>
</rdf:Seq></dc:subject><dc:description>plain words</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_what_we_write_comes_back():
    known = Described(caption="a <cat> & a dog\nsleeping", tags=("black cat", "d'été", "猫"), stars=3)

    assert xmp.read(xmp.write(known)) == known


def test_what_others_write_is_understood():
    assert xmp.read(LIGHTROOM) == Described(caption="plain words", tags=("sea", "dog"), stars=4)


@pytest.mark.parametrize("rating", ["-1", "0", "6", "4.5", "", "٣"])
def test_a_rating_that_is_no_number_of_stars_is_none(rating):
    assert xmp.read(LIGHTROOM.replace('"4"', f'"{rating}"')).stars == 0


@pytest.mark.parametrize(
    "packet",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]>' + LIGHTROOM,
        "<a>" * 40 + LIGHTROOM + "</a>" * 40,
        "<a>" + "<b/>" * 30_000 + LIGHTROOM + "</a>",
        LIGHTROOM[:-20],
        LIGHTROOM + "<!--" + " " * xmp.MOST_BYTES + "-->",
        "",
        "\0",
    ],
)
def test_what_is_hostile_or_broken_says_nothing(packet):
    assert xmp.read(packet) == Described()


@settings(max_examples=200, deadline=None)
@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_any_words_make_a_packet_that_is_xml(caption, tags):
    found = xmp.read(xmp.write(Described(caption=caption, tags=tuple(tags))))

    assert found != Described() or not (caption.strip() or "".join(tags).strip()) or not _says_something(caption, tags)


def _says_something(caption: str, tags: list[str]) -> bool:
    return any(char.isalnum() for char in caption + "".join(tags))
