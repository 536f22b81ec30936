"""A picture as text: a data URI (RFC 2397) or bare base64 (RFC 4648), as lenient as both allow."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from shared.errors import BadPicture

#: A media type and its parameters; a value in quotes may hold a comma.
_HEAD = re.compile(r'data:((?:"[^"]*"|[^",])*),', re.IGNORECASE)
MAX_HEAD_CHARS = 4096
WHITE_SPACE = b" \t\r\n\v\f"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/]")
NO_PICTURE = "neither the id of a stored picture (img_…), nor a data URI, nor base64"


def from_text(text: str) -> tuple[bytes, str | None]:
    """The bytes, and the media type they claim, if they do.

    Raises:
        BadPicture: not base64, or a data URI without a comma.
    """
    text = text.strip().removeprefix("\ufeff")
    if text[:5].lower() != "data:":
        return _from_base64(text), None
    head = _HEAD.match(text[:MAX_HEAD_CHARS])
    if head is None:
        raise BadPicture("a data URI has a comma before its data: data:image/png;base64,…", field="image")
    media_type, *parameters = (part.strip() for part in head[1].split(";"))
    body = text[head.end() :]
    if parameters and parameters[-1].lower() == "base64":
        return _from_base64(body), media_type or None
    return unquote_to_bytes(body), media_type or None


def _from_base64(text: str) -> bytes:
    """Both alphabets, with or without padding, white space anywhere, also escaped as in an address."""
    text = text if text.isascii() else "".join(text.split())  # there is white space beyond ASCII
    try:
        data = (unquote_to_bytes(text) if "%" in text else text.encode("ascii")).translate(None, WHITE_SPACE)
    except UnicodeEncodeError as exc:
        raise BadPicture(f"{NO_PICTURE}: {text[exc.start]!r} stands in none of them", field="image") from exc
    data = data.rstrip(b"=").translate(_URL_SAFE)
    foreign = _FOREIGN.search(data)
    if foreign is not None:
        raise BadPicture(f"{NO_PICTURE}: {foreign[0].decode('latin-1')!r} stands in none of them", field="image")
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadPicture(f"{NO_PICTURE}: {exc}", field="image") from exc
