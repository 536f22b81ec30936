"""What files beside a picture say of it: `lamp.txt` and `lamp.xmp`, or `lamp.png.txt` and `lamp.png.xmp`. Pure.

A text is an infotext where it reads as one (A1111 writes such), else the picture's caption (as trainers write them); an XMP
packet is what photo managers write. Both are what a person brought, so no analysis overwrites them.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from api.library import xmp
from api.library.importing import infotext
from api.library.xmp import Described

#: Longest that is read.
MOST_BYTES = 2**20
TEXT, XMP = ".txt", ".xmp"


def names_beside(name: str) -> Iterator[tuple[str, str]]:
    """What such files of a picture may be called: (name, ending), the likelier first."""
    path = PurePosixPath(name)
    for ending in (TEXT, XMP):
        for beside in (path.with_suffix(ending), path.with_name(path.name + ending)):
            yield str(beside), ending


def described(text: bytes | None, packet: bytes | None) -> Described:
    """What they say together; the packet's caption comes first. None: there is no such file."""
    said = xmp.read(_decoded(packet)) if packet else Described()
    words = _decoded(text).strip() if text else ""
    if not words:
        return said
    if infotext.read(words) is not None:
        return replace(said, parameters=words)
    return replace(said, caption=said.caption or words)


def _decoded(data: bytes) -> str:
    """UTF-8 or UTF-16 by its mark; what is neither, as Western Europe wrote."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
