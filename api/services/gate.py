"""Who comes in: by a key, by what a trusted proxy says, by a session, or, where no key is needed, from this machine.

In this order, and the first that is shown counts alone: a wrong key is refused although a good cookie stands beside it.
Whatever a browser adds by itself (a cookie, a Basic password, what a proxy says of it, the mere place on this machine) must
not come from another site's page (`cross_site`); a key in a header of its own cannot.

Origins of `cors_origins` pass. As shipped those are all pages served from this machine, and only where no key is needed: a
program that can serve a page there can as well ask us directly, so nothing is kept from it by refusing its pages, and the
usual way to work on a page (a development server on another port) stays open. A cookie is more than a place on this
machine, it is a person's; beside one only origins count that an operator listed.
"""

from flask import Request, g

from api.services import cross_site
from api.services.auth import LOCAL_ADMIN, NO_VALID_KEY, NOBODY, Access, Caller
from api.services.credentials import shown_key
from api.services.cross_site import ListedOrigins, Sent, listed_origins
from api.services.proxy_people import ProxyPeople
from api.services.session_callers import SessionCallers
from api.services.session_cookie import shown_token
from api.services.start_rules import FIRST_KEY
from api.services.trusted_proxies import PROXY_USER
from shared.errors import CrossSite, Unauthorized, UnknownHost
from shared.net.host_names import is_loopback
from shared.settings import Settings

#: What every session that does not open is told, whatever is wrong with it.
SESSION_OVER = "this browser is not signed in, or not any more: sign in with POST /v1/session"


class Gate:
    """Lets requests in, or says why not. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(
        self, settings: Settings, access: Access, session_callers: SessionCallers, proxy_people: ProxyPeople
    ) -> None:
        self._settings = settings
        self._access = access
        self._session_callers = session_callers
        self._proxy_people = proxy_people
        self.listed = listed_origins(settings.cors_origins)
        self._listed_by_hand = self.listed if "cors_origins" in settings.model_fields_set else ListedOrigins(())

    def let_in(self, asked: Request, *, is_public: bool) -> Caller:
        """Who sends this request.

        Raises:
            Unauthorized: a key is needed, and what is shown is no good one.
            CrossSite: another site's page may have sent it. UnknownHost: it calls us by a name that is not ours.
        """
        if is_public:
            self._refuse_foreign_pages(asked, self._listed_by_hand, shows_cookie=False)
            return NOBODY
        if not self._access.is_closed():
            return self._from_here(asked)
        key = shown_key(asked.headers)
        if key is not None:
            if asked.headers.get("Authorization", "").strip().lower().startswith("basic"):
                self._refuse_foreign_pages(asked, self._listed_by_hand, shows_cookie=False)
            return self._access.caller_of(key)
        name, token = asked.environ.get(PROXY_USER), shown_token(asked)
        if name is None and token is None:
            raise Unauthorized(NO_VALID_KEY)
        self._refuse_foreign_pages(asked, self._listed_by_hand, shows_cookie=True)
        return self._proxy_people.caller_of(name) if name is not None else self._by_session(token or "")

    def is_insecure(self) -> bool:
        """Whether anybody who reaches this address may do everything."""
        return self._settings.insecure and not self._access.is_closed()

    def _by_session(self, token: str) -> Caller:
        caller = self._session_callers.caller_of(token)
        if caller is None:
            g.is_session_over = True
            raise Unauthorized(SESSION_OVER)
        return caller

    def _from_here(self, asked: Request) -> Caller:
        why = cross_site.unknown_host(
            asked.environ.get("HTTP_HOST"),
            self._settings.allowed_hosts,
            is_beyond_loopback=self._settings.insecure and not is_loopback(self._settings.host),
        )
        if why is not None:
            raise UnknownHost(
                f"{why}; a page elsewhere may have been pointed here. If this is our name, list it in DARKROOM_ALLOWED_HOSTS"
            )
        self._refuse_foreign_pages(asked, self.listed, shows_cookie=False)
        if not self._settings.insecure and not is_loopback(asked.remote_addr or ""):
            raise Unauthorized(f"from another machine a key is needed, and there is none yet: `{FIRST_KEY}`")
        return LOCAL_ADMIN

    def _refuse_foreign_pages(self, asked: Request, listed: ListedOrigins, *, shows_cookie: bool) -> None:
        why = cross_site.foreign_page(_sent(asked), listed, shows_cookie=shows_cookie)
        if why is not None:
            raise CrossSite(
                f"another site's page may have sent this: {why}. If it is a page of yours, list its origin in "
                "DARKROOM_CORS_ORIGINS; if a proxy gave this server another name, see DARKROOM_TRUSTED_PROXIES"
            )


def _sent(asked: Request) -> Sent:
    environ = asked.environ
    return Sent(
        method=asked.method,
        scheme=asked.scheme,
        host=environ.get("HTTP_HOST"),
        origin=environ.get("HTTP_ORIGIN"),
        fetch_site=environ.get("HTTP_SEC_FETCH_SITE"),
    )
