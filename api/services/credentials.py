"""What a request shows of a key: in `Authorization` (Bearer, or Basic with the key as the password) or in `x-api-key`.

Never in a URL, which logs and histories keep. Where several are shown, `Authorization` alone counts, so that a proxy and a
server never read two different ones.
"""

import base64
import binascii
from collections.abc import Mapping

from werkzeug.datastructures import Headers

#: What cannot be read as a key: it is refused like any wrong one.
UNREADABLE = ""


def shown_key(headers: Headers | Mapping[str, str]) -> str | None:
    """The key that a request shows; None where it shows none."""
    authorization = headers.get("Authorization")
    if authorization is None:
        return headers.get("X-Api-Key")
    scheme, _, value = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            return _password(value.strip())
    return UNREADABLE


def _password(value: str) -> str:
    """Of `base64(user:password)`, whoever the user is."""
    try:
        decoded = base64.b64decode(value.encode(errors="surrogateescape"), validate=True).decode(
            errors="surrogateescape"
        )
    except (binascii.Error, ValueError):
        return UNREADABLE
    return decoded.partition(":")[2]
