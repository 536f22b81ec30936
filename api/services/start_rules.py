"""When this API may start, and what stands in its status: closed beyond this machine unless somebody says otherwise.

On loopback only this machine's people get here, so no key is needed until there is one. On any other address everybody on
the network does, so without a key it does not start; `--insecure` says otherwise, and the status says so for ever.
"""

from collections.abc import Iterable

from api.services.auth import environment_keys
from api.services.cross_site import listed_origins
from api.services.oidc_rules import oidc_rules
from api.services.tls import check_tls
from api.services.trusted_proxies import trusted_proxies
from shared.accounts.roles import default_limits
from shared.accounts.standing import Standings
from shared.errors import InvalidRequest, RedisUnavailable
from shared.log import logger
from shared.net.host_names import is_loopback, read_place
from shared.redis.client import connect
from shared.settings import Settings

#: What makes the first key.
FIRST_KEY = "darkroom key add"
WARNING = (
    "anybody who reaches this address is an administrator here, because it was started with --insecure and has no keys; "
    f"make one: {FIRST_KEY}"
)


def may_be_open(settings: Settings) -> bool:
    """Whether those who show no key may be let in where there are none: the address says, or `--insecure`.

    A way in that is not keys (single sign-on, a proxy that names people) needs showing, too.
    """
    return not _has_other_ways(settings) and (settings.insecure or is_loopback(settings.host))


def check_settings(settings: Settings) -> None:
    """Read everything that says who comes in, and how, for one sentence now instead of a traceback from each process.

    Raises:
        InvalidRequest: something of it is wrong; the message names the variable.
    """
    environment_keys(settings)
    default_limits(settings)
    listed_origins(settings.cors_origins)
    trusted_proxies(settings)
    oidc_rules(settings)
    check_tls(settings)


def check_listening(settings: Settings, addresses: Iterable[str]) -> None:
    """Whether to listen on these addresses (`host` or `host:port`); asks Redis for keys only where that decides.

    While Redis is away nobody knows, and starting is safe: without it nobody comes in.

    Raises:
        InvalidRequest: one is reached by others, and nobody needs a key.
    """
    beyond = addresses_beyond(addresses)
    if not beyond or settings.insecure or _has_other_ways(settings) or environment_keys(settings):
        return
    try:
        with connect(settings.required_redis_url(), settings.redis_timeout_s) as client:
            has_key = Standings(client).is_closed()
    except RedisUnavailable as exc:
        logger().warning("keys.not_looked_for", reason=exc.message)
        return
    if not has_key:
        raise InvalidRequest(
            f"{beyond[0]} is reached by others, and no key was made yet, so anybody could do everything: make the first key "
            f"with `{FIRST_KEY}`, or start with --insecure (DARKROOM_INSECURE=true)",
            field="host",
        )


def _has_other_ways(settings: Settings) -> bool:
    return bool(settings.proxy_user_header or settings.oidc_issuer)


def addresses_beyond(addresses: Iterable[str]) -> list[str]:
    """The hosts among these that others can reach."""
    return [host for address in addresses if not is_loopback(host := host_of(address))]


def host_of(address: str) -> str:
    """The host of `host`, `host:port` or `[host]:port`; a bare IPv6 address is a host."""
    place = read_place(address)
    return place.host if place else address.strip("[]")
