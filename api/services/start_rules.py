"""When this API may start, and what stands in its status: closed beyond this machine unless somebody says otherwise.

On loopback only this machine's people get here, so no key is needed until there is one. On any other address everybody on
the network does, so without a key it does not start; `--insecure` says otherwise, and the status says so for ever.
"""

from collections.abc import Iterable

from shared.errors import InvalidRequest
from shared.net.host_names import is_loopback, read_place
from shared.settings import Settings

#: What makes the first key.
FIRST_KEY = "darkroom key add admin --role admin"
WARNING = (
    "anybody who reaches this address is an administrator here, because it was started with --insecure and has no keys; "
    f"make one: {FIRST_KEY}"
)


def may_be_open(settings: Settings) -> bool:
    """Whether those who show no key may be let in where there are none: the address says, or `--insecure`.

    A way in that is not keys (single sign-on, a proxy that names people) needs showing, too.
    """
    return not settings.proxy_user_header and (settings.insecure or is_loopback(settings.host))


def check_start(settings: Settings, addresses: Iterable[str], *, has_key: bool) -> None:
    """Whether to listen on these addresses (host, or host:port).

    Raises:
        InvalidRequest: one is not loopback, and nobody needs a key.
    """
    if has_key or settings.insecure or settings.proxy_user_header:
        return
    for address in addresses:
        if not is_loopback(host_of(address)):
            raise InvalidRequest(
                f"{host_of(address)} is reached by others, and no key is set, so anybody could use everything: make the "
                f"first key with `{FIRST_KEY}`, or start with --insecure (DARKROOM_INSECURE=true)",
                field="host",
            )


def host_of(address: str) -> str:
    """The host of `host`, `host:port` or `[host]:port`; a bare IPv6 address is a host."""
    place = read_place(address)
    return place.host if place else address.strip("[]")
