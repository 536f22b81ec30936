"""Which network addresses we may fetch from and deliver to.

Callers name addresses (webhooks, picture URLs), so a server would otherwise reach places for them that they cannot reach
themselves: its own loopback, the private network, a cloud's metadata service. A name is resolved once, every address
it has is checked, and the connection goes to exactly the one that was checked: a name that answers differently the
second time (DNS rebinding) gains nothing. Redirects are never followed, because each would need the same check.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.errors import InvalidRequest

Resolve = Callable[[str, int], list[str]]
#: Ways in which IPv6 carries an IPv4 address that the routing then uses.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Pinned:
    """An address that was checked, ready for one request: `client.request(…, pinned.url, **pinned.as_request())`."""

    #: With the checked IP instead of the name.
    url: str
    #: The name, for the Host header and the certificate.
    host: str
    headers: dict[str, str] = field(default_factory=dict)

    def as_request(self) -> dict[str, Any]:
        """What httpx needs beside the URL, so that the certificate is still checked against the name."""
        return {"headers": self.headers, "extensions": {"sni_hostname": self.host}, "follow_redirects": False}


def check_url(url: str, *, allow_private: bool, schemes: tuple[str, ...] = ("https",), field: str = "url") -> httpx.URL:
    """What can be said of an address without asking the network.

    Raises:
        InvalidRequest: not an absolute URL of these schemes, with a user or password in it, or a private address.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as exc:
        raise InvalidRequest(f"{field} is no address: {exc}", field=field) from exc
    if parsed.scheme not in schemes or not parsed.host:
        raise InvalidRequest(f"{field} must start with {' or '.join(s + '://' for s in schemes)}", field=field)
    if parsed.userinfo:
        raise InvalidRequest(f"{field} must not hold a user or password", field=field)
    if not allow_private and (_is_local_name(parsed.host) or _is_private_literal(parsed.host)):
        raise InvalidRequest(f"{field}: private addresses are not reached from here", field=field)
    return parsed


def pin(
    url: str,
    *,
    allow_private: bool,
    schemes: tuple[str, ...] = ("https",),
    field: str = "url",
    resolve: Resolve | None = None,
) -> Pinned:
    """Resolve an address once, check all it resolves to, and bind the request to one of them.

    Raises:
        InvalidRequest: see `check_url`; or it has no address, or a private one.
    """
    parsed = check_url(url, allow_private=allow_private, schemes=schemes, field=field)
    port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
    try:
        found = (resolve or resolved)(parsed.host, port)
    except (OSError, UnicodeError) as exc:
        raise InvalidRequest(f"{field}: {parsed.host} has no address ({exc})", field=field) from exc
    if not found or (not allow_private and any(not is_public(address) for address in found)):
        raise InvalidRequest(f"{field}: private addresses are not reached from here", field=field)
    return Pinned(
        url=str(parsed.copy_with(host=found[0])), host=parsed.host, headers={"Host": parsed.netloc.decode("ascii")}
    )


def resolved(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large, also when it hides in an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _is_private_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def _is_local_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
