"""XMP packets (ISO 16684-1): what is known of a picture, in the form that photo managers read and write. Pure.

The caption is dc:description, tags are dc:subject, stars are xmp:Rating; the probability that a picture is not safe for
work has a namespace of our own, because a rating means stars. Reading takes what others wrote, in elements or in
attributes, and ignores what it does not know; what is too large, too deep or declares entities is no packet at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.sax.saxutils import escape, quoteattr

OUR_NAMESPACE = "https://darkroom.invalid/ns/1.0/"
DC, XMP_NS = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xap/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#: Longest packet that is read, its levels and its elements; photo managers write a few dozen of each.
MOST_BYTES = 2**20
MAX_DEPTH = 32
MAX_ELEMENTS = 20_000
MAX_TAGS = 500
#: Beside control characters: half a surrogate pair, and two that are no characters.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Described:
    """What is known of a picture."""

    caption: str | None = None
    tags: tuple[str, ...] = ()
    #: 1 to 5; 0: none were given.
    stars: int = 0
    #: Probability that it is not safe for work.
    nsfw: float | None = None
    is_nsfw: bool | None = None
    #: How it was made, in the words of A1111.
    parameters: str | None = None


def write(known: Described) -> str:
    """A sidecar's text."""
    parts = []
    if known.caption is not None:
        words = f'<rdf:Alt><rdf:li xml:lang="x-default">{_text(known.caption)}</rdf:li></rdf:Alt>'
        parts.append(f"<dc:description>{words}</dc:description>")
    if known.tags:
        items = "".join(f"<rdf:li>{_text(tag)}</rdf:li>" for tag in known.tags)
        parts.append(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>")
    if known.stars:
        parts.append(f"<xmp:Rating>{known.stars}</xmp:Rating>")
    if known.nsfw is not None:
        parts.append(f"<darkroom:nsfw>{known.nsfw:g}</darkroom:nsfw>")
    if known.is_nsfw is not None:
        parts.append(f"<darkroom:isNsfw>{'True' if known.is_nsfw else 'False'}</darkroom:isNsfw>")
    if known.parameters is not None:
        parts.append(f"<darkroom:parameters>{_text(known.parameters)}</darkroom:parameters>")
    body = "\n   ".join(parts)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n'
        f'  <rdf:Description rdf:about="" xmlns:dc="{DC}"'
        f' xmlns:xmp="{XMP_NS}" xmlns:darkroom={quoteattr(OUR_NAMESPACE)}>\n'
        f"   {body}\n"
        "  </rdf:Description>\n"
        " </rdf:RDF>\n"
        "</x:xmpmeta>\n"
        '<?xpacket end="w"?>\n'
    )


def read(packet: str) -> Described:
    """What a packet says; one that is broken, too large or too deep says nothing."""
    if len(packet) > MOST_BYTES or "<!DOCTYPE" in packet or "<!ENTITY" in packet:
        return Described()
    try:
        descriptions = list(_descriptions(packet))
    except (ParseError, ValueError):
        return Described()
    said = [value for value in (_value(d, XMP_NS, "Rating") for d in descriptions) if value]
    return Described(
        caption=next((words[0] for d in descriptions if (words := _items(d, DC, "description"))), None),
        tags=tuple(dict.fromkeys(tag for d in descriptions for tag in _items(d, DC, "subject")))[:MAX_TAGS],
        stars=next((int(value) for value in said if re.fullmatch(r"[1-5]", value)), 0),
    )


def _descriptions(packet: str) -> Iterator[Element]:
    """Raises ParseError, and ValueError where there is more of it than anything that programs write."""
    depth, count = 0, 0
    parser: Any = XMLPullParser(("start", "end"))
    # What stands outside the packet's element is padding and marks; some write a zero behind it.
    parser.feed(packet.strip("\ufeff\0 \t\r\n"))
    parser.close()
    for event, element in parser.read_events():
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise ValueError("more than a packet holds")
        if event == "end" and element.tag == f"{{{RDF}}}Description":
            yield element


def _value(description: Element, namespace: str, name: str) -> str:
    """A property in either of RDF's spellings: an attribute, or an element."""
    key = f"{{{namespace}}}{name}"
    found = description.find(key)
    return (description.get(key) or (found.text if found is not None else "") or "").strip()


def _items(description: Element, namespace: str, name: str) -> list[str]:
    """The texts of a list (Alt, Bag, Seq), or the one text where there is no list."""
    found = description.find(f"{{{namespace}}}{name}")
    if found is None:
        plain = _value(description, namespace, name)
        return [plain] if plain else []
    items = [(item.text or "").strip() for item in found.iter(f"{{{RDF}}}li")]
    return [item for item in items or [(found.text or "").strip()] if item]


def _text(words: str) -> str:
    """Text as XML holds it; control characters cannot stand in XML 1.0 at all."""
    return escape("".join(char for char in words if char in "\t\n\r" or (ord(char) >= 32 and not _NOT_XML.match(char))))
