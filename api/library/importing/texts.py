"""The texts that programs wrote into a picture file: chunks of a PNG, comments in the EXIF of the others.

Limits of ours act before anything is believed: 1 MiB of text in all, however well it was packed.
"""

from collections.abc import Mapping

from PIL import Image

from shared.errors import BadPicture, UnsupportedMedia
from shared.pictures import png_chunks
from shared.pictures.formats import format_of
from shared.pictures.pixels import TAKE_APART

MOST_BYTES = 2**20
#: EXIF tags (CIPA DC-008): the comment of a user, the description of a picture, and the IFD that holds the first.
USER_COMMENT, DESCRIPTION, MAKE, MODEL, EXIF_IFD = 0x9286, 0x010E, 0x010F, 0x0110, 0x8769
#: What a user's comment begins with → its encoding.
_ENCODINGS = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "utf-8", b"\0" * 8: "utf-8"}


def texts_of(data: bytes) -> dict[str, str]:
    """Keyword → text. Of files without keywords: `comment`, `description`, `make`, `model`, `xmp`.

    A file that says nothing, or nothing that can be read, has none.
    """
    try:
        name = format_of(data)
        if name == "PNG":
            return {key: _decoded(text) for key, text in png_chunks.all_texts(data, MOST_BYTES).items()}
        parts = TAKE_APART[name](data)
    except (BadPicture, UnsupportedMedia):
        return {}
    found = _exif_texts(parts.exif) if parts.exif else {}
    if parts.xmp and len(parts.xmp) <= MOST_BYTES:
        found["xmp"] = _decoded(parts.xmp)
    return found


def _exif_texts(exif: bytes) -> dict[str, str]:
    if len(exif) > MOST_BYTES:
        return {}
    tags = Image.Exif()
    try:
        tags.load(exif)
        inner: Mapping[int, object] = tags.get_ifd(EXIF_IFD)
        named = {
            "comment": inner.get(USER_COMMENT),
            "description": tags.get(DESCRIPTION),
            "make": tags.get(MAKE),
            "model": tags.get(MODEL),
        }
    except Exception:  # Pillow raises whatever a broken directory makes it meet
        return {}
    return {name: text for name, value in named.items() if (text := _comment(value))}


def _comment(value: object) -> str:
    if isinstance(value, str):
        return value.strip("\0 ")
    if not isinstance(value, bytes):
        return ""
    encoding = _ENCODINGS.get(value[:8])
    if encoding is None:
        return _decoded(value).strip("\0 ")
    body = value[8:]
    # Some write little-endian; text in Western letters then has its zeros at odd places.
    if encoding == "utf-16-be" and body[1:2] == b"\0":
        encoding = "utf-16-le"
    return body.decode(encoding, errors="replace").strip("\0 ")


def _decoded(text: bytes) -> str:
    """UTF-8 where it is that, whatever the chunk promises: most programs write so."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")
