"""What stands in a Host or Origin header, read strictly, and whether it names this machine.

Strictly, because what is compared for trust must have one spelling: no user before the name, no zone behind an address,
no number that is read as an address in some places only (`127.1`, `0x7f.1`). What cannot be read names nobody.
"""

import ipaddress
import re
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9._-]{1,253}))(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@\s]+)")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Place:
    """A host and a port, each in its one spelling."""

    #: Lower case; IPv6 without brackets.
    host: str
    port: int

    @property
    def address(self) -> Address | None:
        """The address, where the host is one instead of a name."""
        return read_address(self.host)


@dataclass(frozen=True)
class Origin:
    """Where a page came from."""

    scheme: str
    place: Place


def read_place(authority: str, scheme: str = "http") -> Place | None:
    """A Host header: name or address, and a port; None: it is neither. Without a port, the scheme's own counts."""
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS[scheme]
    host = found["name"] or found["v6"]
    if found["v6"]:
        address = read_address(host)
        if address is None:
            return None
        host = str(address)
    return Place(host, port) if port <= 65535 else None


def read_origin(text: str) -> Origin | None:
    """An Origin header; None: `null`, a list, or anything but `scheme://host[:port]`."""
    found = _ORIGIN.fullmatch(text.lower())
    place = read_place(found["authority"], found["scheme"]) if found else None
    return Origin(found["scheme"], place) if found and place else None


def read_address(text: str) -> Address | None:
    """An IP address; an IPv4 one that is written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_loopback(host: str) -> bool:
    """Whether this name or address always means the machine that says it (RFC 6761: `localhost` and all below it)."""
    name = host.lower().removesuffix(".")
    address = read_address(name)
    if address is not None:
        return address.is_loopback
    return name == "localhost" or name.endswith(".localhost")
