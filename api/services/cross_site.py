"""Whether a request may come from another site's page, and whether it calls us by a name of ours. Pure.

A page of any site can have its visitor's browser send requests to us, and the browser adds what it holds: a session's
cookie, a Basic password, or, where no key is needed, its mere place on this machine. What a page cannot change are the
headers that say where the request comes from: `Origin` and `Sec-Fetch-Site`. Whatever is not a mere reading must come
from our own pages or from a listed origin. Programs send neither header and pass, unless they show a cookie: then it is
a browser, and every browser of the last six years says where it comes from.

A page whose *name* is made to point here (DNS rebinding) is of our own origin, as far as its browser knows. Where no key is
needed, nothing but that name tells it apart, so only known names are answered.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import InvalidRequest
from shared.net.host_names import Origin, is_loopback, read_origin, read_place

#: They change nothing here; whether a page may read the answers is what CORS says.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Sent by our own page, or by the person itself (an address typed in, a bookmark).
OWN_SITES = frozenset({"same-origin", "none"})
#: What makes an entry of `cors_origins` a regular expression; flask-cors has the same rule.
_REGEX_SIGNS = frozenset(r"*\]?$^[]()|+{}")
ANY_ORIGIN = "*"


@dataclass(frozen=True)
class Sent:
    """What a request says of its way here. None: the header is not there."""

    method: str
    #: http or https, as far as we know: TLS may end before us.
    scheme: str
    host: str | None
    origin: str | None
    fetch_site: str | None


@dataclass(frozen=True)
class ListedOrigins:
    """Origins of other pages that may call us. A regular expression counts only where it matches the whole origin."""

    patterns: tuple[re.Pattern[str], ...]

    def has(self, origin: str) -> bool:
        """`null`, which every sandboxed page is, is on no list."""
        return read_origin(origin) is not None and any(pattern.fullmatch(origin) for pattern in self.patterns)


def listed_origins(entries: Iterable[str]) -> ListedOrigins:
    """From settings: exact origins, regular expressions, or `*`.

    Raises:
        InvalidRequest: an entry is no regular expression, though it has signs of one.
    """
    return ListedOrigins(tuple(_compiled(entry) for entry in entries))


def _compiled(entry: str) -> re.Pattern[str]:
    try:
        return re.compile(_as_pattern(entry), re.IGNORECASE)
    except re.error as exc:
        raise InvalidRequest(
            f"DARKROOM_CORS_ORIGINS: {entry!r} is no regular expression: {exc}", field="DARKROOM_CORS_ORIGINS"
        ) from exc


def _as_pattern(entry: str) -> str:
    if entry == ANY_ORIGIN:
        return r".*\Z"
    # flask-cors gets these, too, and looks at the beginning only: the end is said here.
    return rf"(?:{entry})\Z" if _REGEX_SIGNS.intersection(entry) else re.escape(entry) + r"\Z"


def foreign_page(sent: Sent, listed: ListedOrigins, *, shows_cookie: bool) -> str | None:
    """Why this request may be another site's doing, in words; None: it is not, or it only reads.

    Args:
        shows_cookie: it is let in by something that a browser adds by itself, so it must say where it comes from.
    """
    if sent.method in SAFE_METHODS:
        return None
    if sent.origin is not None:
        if listed.has(sent.origin):
            return None
        if not _is_own(sent.origin, sent):
            return f"it comes from a page of {sent.origin[:100]!r}, and this is {_own_name(sent)!r}"
    if sent.fetch_site is not None and sent.fetch_site.lower() not in OWN_SITES:
        return f"the browser says of its page `Sec-Fetch-Site: {sent.fetch_site[:40]}`"
    if sent.origin is None and sent.fetch_site is None and shows_cookie:
        return "with a cookie it must say where it comes from, by `Origin` or `Sec-Fetch-Site`, as browsers do"
    return None


def unknown_host(host: str | None, allowed: Iterable[str], *, is_beyond_loopback: bool) -> str | None:
    """Why this Host header is none of our names, in words; None: it is one.

    Args:
        host: as it was sent; None: HTTP/1.0, which no browser speaks.
        is_beyond_loopback: others may reach us without a key. Then addresses and names without a dot are ours, too: DNS
            can make neither of them point here for a page from elsewhere.
    """
    if host is None:
        return None
    place = read_place(host)
    if place is None:
        return f"the Host header {host[:100]!r} is no name and port"
    name = place.host.removesuffix(".")
    if is_loopback(name) or _is_allowed(name, allowed):
        return None
    if is_beyond_loopback and (place.address is not None or "." not in name):
        return None
    return f"{name[:100]!r} is no name of this machine that it knows"


def _is_own(origin: str, sent: Sent) -> bool:
    theirs = read_origin(origin)
    if theirs is None or sent.host is None:
        return False
    # Where we see http, TLS may have ended before us, so an https page of this host may be our own.
    schemes = ("https",) if sent.scheme == "https" else ("http", "https")
    return any(theirs == Origin(scheme, place) for scheme in schemes if (place := read_place(sent.host, scheme)))


def _own_name(sent: Sent) -> str:
    return f"{sent.scheme}://{(sent.host or '')[:100]}"


def _is_allowed(name: str, allowed: Iterable[str]) -> bool:
    """Exact names, and `*.example.org` for all below one."""
    for entry in allowed:
        known = entry.lower().removesuffix(".")
        if name == known or (known.startswith("*.") and name.endswith(known[1:])):
            return True
    return False
