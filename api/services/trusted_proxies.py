"""What a proxy says of the client behind it, believed only from the listed ones.

Whoever connects may write any header, so these count only where the connection itself comes from an address of
`trusted_proxies`. After this the request looks as if the client had come directly (address, scheme, host), and none of these
headers is left for anybody to read by mistake: from others they are dropped unread.

Proxies append to `X-Forwarded-For`, so it is read from its end: whatever stands before the last address that is no proxy of
ours is the client's own invention. `X-Forwarded-Proto` and `-Host` are what the nearest proxy wrote last. A header name
with underscores becomes the same variable as one with dashes; gunicorn drops those (`header_map`), and a proxy must set,
not append to, the header that names the person.
"""

import ipaddress
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidRequest
from shared.net.host_names import Address, Network, read_address, read_place
from shared.settings import Settings

Environ = MutableMapping[str, Any]
#: Where the name is kept that a proxy gave of the person, as it was sent. No header can set it.
PROXY_USER = "darkroom.proxy_user"
#: What proxies say; from nobody else is any of it left.
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_USER",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_REMOTE_USER",
)


@dataclass(frozen=True)
class TrustedProxies:
    """Which peers are proxies, and which header of theirs names the person."""

    networks: tuple[Network, ...] = ()
    #: As WSGI spells it; "": none.
    user_variable: str = ""

    def has(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)

    def resolve(self, environ: Environ) -> None:
        """Make the request look as the client sent it to the proxy, and drop what proxies say."""
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        said = {name: environ.pop(name, "") for name in {*FORWARDED, self.user_variable} if name}
        environ.pop(PROXY_USER, None)
        if not self.has(peer):
            return
        client = self._client(said["HTTP_X_FORWARDED_FOR"])
        if client is not None:
            environ["REMOTE_ADDR"] = str(client)
        scheme = _last(said["HTTP_X_FORWARDED_PROTO"]).lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(said["HTTP_X_FORWARDED_HOST"])
        if read_place(host) is not None:
            environ["HTTP_HOST"] = host
        if self.user_variable and said[self.user_variable]:
            environ[PROXY_USER] = said[self.user_variable]

    def _client(self, forwarded_for: str) -> Address | None:
        """The last address that is no proxy of ours; what is no address ends the search."""
        found = None
        for entry in reversed(forwarded_for.split(",")):
            address = _address_of(entry.strip())
            if address is None:
                break
            found = address
            if not self.has(address):
                break
        return found


def trusted_proxies(settings: Settings) -> TrustedProxies:
    """From settings.

    Raises:
        InvalidRequest: an entry is no address or network; or a header that names the person is believed from nobody, or
            from everybody.
    """
    networks = tuple(_network(entry) for entry in settings.trusted_proxies)
    header = settings.proxy_user_header or ""
    if header and not networks:
        raise InvalidRequest(
            "DARKROOM_PROXY_USER_HEADER is believed from listed proxies only: set DARKROOM_TRUSTED_PROXIES",
            field="DARKROOM_TRUSTED_PROXIES",
        )
    if header and any(network.prefixlen == 0 for network in networks):
        raise InvalidRequest(
            "DARKROOM_TRUSTED_PROXIES lists every address there is, so anybody could name themselves anyone by "
            f"{header}: list the proxy's own",
            field="DARKROOM_TRUSTED_PROXIES",
        )
    return TrustedProxies(networks, "HTTP_" + header.upper().replace("-", "_") if header else "")


class BehindProxies:
    """A WSGI app that gets requests as clients sent them."""

    def __init__(self, app: Callable[..., Iterable[bytes]], proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._proxies.resolve(environ)
        return self._app(environ, start_response)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as exc:
        raise InvalidRequest(
            f"DARKROOM_TRUSTED_PROXIES: {entry!r} is no address or network such as 10.0.0.7 or 10.0.0.0/24 ({exc})",
            field="DARKROOM_TRUSTED_PROXIES",
        ) from exc


def _address_of(entry: str) -> Address | None:
    """Also with a port behind it, as some proxies write it."""
    address = read_address(entry)
    if address is not None:
        return address
    place = read_place(entry)
    return place.address if place else None


def _last(value: str) -> str:
    return value.rpartition(",")[2].strip()
