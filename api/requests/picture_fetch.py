"""A picture from an address that a caller named, where the settings allow that.

Every hop is resolved once, checked and pinned (`shared.net.addresses`); redirects are followed by us, so that each is
checked too. Size and time are limited while reading, whatever the headers say.
"""

import time
from collections.abc import Callable

import httpx

from shared.errors import BadPicture, InvalidRequest, TooLarge
from shared.net.addresses import Pinned, Resolve, pin

MAX_REDIRECTS = 3
#: Longest all hops may take together, and longest silence in between.
LIMIT_S, SILENCE_S = 15.0, 5.0


def fetch(
    url: str,
    *,
    max_bytes: int,
    allow_private: bool,
    field: str,
    resolve: Resolve | None = None,
    transport: httpx.BaseTransport | None = None,
    clock_s: Callable[[], float] = time.monotonic,
) -> bytes:
    """The bytes at an address.

    Raises:
        InvalidRequest: it is private, has no address, or leads nowhere in time.
        TooLarge: more bytes than allowed.
        BadPicture: the server did not answer 200.
    """
    ends_at_s = clock_s() + LIMIT_S
    # trust_env: a proxy of ours would connect for us, past the pinned address.
    with httpx.Client(timeout=SILENCE_S, trust_env=False, transport=transport) as client:
        for _ in range(MAX_REDIRECTS + 1):
            pinned = pin(url, allow_private=allow_private, schemes=("http", "https"), field=field, resolve=resolve)
            try:
                found = _get(client, pinned, max_bytes, ends_at_s, clock_s, field)
            except httpx.HTTPError as exc:
                raise InvalidRequest(
                    f"the picture could not be fetched from {pinned.host}: {type(exc).__name__}", field=field
                ) from exc
            if isinstance(found, bytes):
                return found
            url = str(httpx.URL(url).join(found))
    raise InvalidRequest(f"the picture's address was redirected more than {MAX_REDIRECTS} times", field=field)


def _get(
    client: httpx.Client, pinned: Pinned, max_bytes: int, ends_at_s: float, clock_s: Callable[[], float], field: str
) -> bytes | str:
    """The bytes, or where a redirect leads."""
    request = pinned.as_request()
    # Undecoded: a few compressed bytes may stand for gigabytes.
    request["headers"] = request["headers"] | {"Accept": "image/*", "Accept-Encoding": "identity"}
    with client.stream("GET", pinned.url, **request) as answer:
        if answer.has_redirect_location:
            return str(answer.headers["Location"])
        if answer.status_code != 200:
            raise BadPicture(f"{pinned.host} answered {answer.status_code} instead of a picture", field=field)
        data = bytearray()
        for chunk in answer.iter_raw():
            data += chunk
            if len(data) > max_bytes:
                raise TooLarge(f"the picture at {pinned.host} has more than {max_bytes:,} bytes", field=field)
            if clock_s() > ends_at_s:
                raise InvalidRequest(f"{pinned.host} took longer than {LIMIT_S:.0f} s", field=field)
        return bytes(data)
