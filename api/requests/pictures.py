"""A picture that comes with a request: as bytes, as the id of a stored one, or from an address that the caller names.

Each is checked whole before anything is stored. An address is followed only where the settings allow that: every hop is
resolved once, checked and pinned (`shared.net.addresses`); redirects are followed by us, so that each is checked too. Size
and time are limited while reading, whatever the headers say.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from api.requests.kept_pictures import keep
from api.responses.pictures import withheld
from api.services import Services
from api.services.auth import current_caller
from shared.contracts.sizes import Size
from shared.errors import BadPicture, DarkroomError, InvalidRequest, TooLarge
from shared.net.addresses import Pinned, Resolve, pin
from shared.pictures.artifact_store import ID, id_of
from shared.pictures.data_uris import from_text
from shared.pictures.pixels import MIB, NO_LIMITS, inspect

SCHEMES = ("http://", "https://")
MAX_REDIRECTS = 3
#: Longest all hops may take together, and longest silence in between.
LIMIT_S, SILENCE_S = 15.0, 5.0


@dataclass(frozen=True)
class SentPicture:
    """A picture that came with a request."""

    id: str
    #: Width and height of the upright picture, in pixels.
    size: Size
    #: Its bytes, where it is not stored yet.
    unstored: bytes = b""

    def store(self, ours: Services) -> str:
        """Keep it for the worker; returns its id."""
        if self.unstored:
            keep(ours, self.unstored)
        return self.id


def sent_picture(ours: Services, image: str, *, field: str = "image") -> SentPicture:
    """The picture that a field names or holds, checked whole.

    Raises:
        NotFound, Gone: no such stored picture that the caller may open.
        Withheld: this server shows no such picture. NotReady: see `Decoding`.
        BadPicture, TooLarge, UnsupportedMedia: see `pixels`.
    """
    with _blaming(field):
        if ID.match(image.strip()):
            stored = ours.ownership.picture(current_caller(), image.strip())
            _ensure_shown(ours, image.strip())
            return SentPicture(image.strip(), inspect(stored, NO_LIMITS).size)
        data, claimed = from_text(image)
        return fresh_picture(ours, data, claimed, field=field)


def fresh_picture(ours: Services, data: bytes, claimed_type: str | None, *, field: str = "image") -> SentPicture:
    """A picture that is not stored yet, checked whole.

    Raises:
        NotReady: see `Decoding`. BadPicture, TooLarge, UnsupportedMedia: see `pixels`.
    """
    with _blaming(field):
        facts = ours.decoding.check(data, ours.picture_limits, claimed_type)
        _ensure_shown(ours, id_of(data))
        return SentPicture(id_of(data), facts.size, data)


def _ensure_shown(ours: Services, image_id: str) -> None:
    """No job starts from a picture that is known to be none that this server shows."""
    for rating in ours.ratings.refused([image_id]).values():
        raise withheld(ours, image_id, rating)


def addressed_picture(ours: Services, image: str, *, field: str) -> SentPicture:
    """The same, and where the settings allow it, from an address.

    Raises:
        InvalidRequest: addresses are not fetched here; and see `fetch` and `sent_picture`.
    """
    if not image[:8].lower().startswith(SCHEMES):
        return sent_picture(ours, image, field=field)
    settings = ours.settings
    if not settings.allow_image_urls:
        raise InvalidRequest(
            "addresses are not fetched here (DARKROOM_ALLOW_IMAGE_URLS): send a data URI or a stored picture's id",
            field=field,
        )
    data = fetch(
        image, max_bytes=settings.max_image_mib * MIB, allow_private=settings.allow_private_addresses, field=field
    )
    return fresh_picture(ours, data, None, field=field)


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


@contextmanager
def _blaming(field: str) -> Iterator[None]:
    """Errors about a picture name the field it came in."""
    try:
        yield
    except DarkroomError as exc:
        exc.field = field if exc.field in (None, "image") else exc.field
        raise
