"""From a provider's word to a browser's session.

What is needed again when the browser comes back (state, nonce, PKCE's verifier, where to go on) lies in a short-lived cookie
of that browser, not in Redis: a sign-in that nobody finishes leaves nothing behind, and only the browser that began one can
finish it. It needs no signature: who writes it writes into their own browser only.
"""

import base64
import binascii
import contextlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass

from api.services.auth import Caller
from api.services.oidc_provider import OidcProvider
from api.services.oidc_rules import Claims, OidcRules
from api.services.session_callers import SessionCallers
from shared.accounts.audit import Actor, Audit
from shared.accounts.identities import Identities, identity_of
from shared.accounts.people import People
from shared.accounts.sessions import Session, Sessions
from shared.accounts.sign_in_throttle import SignInThrottle
from shared.contracts.access import LOCAL, Person, Role
from shared.contracts.audit import Deed
from shared.errors import AlreadyExists, NotFound, SignInRefused
from shared.log import logger

#: Pages of ours to go on to: a path, never another server's address however it is written.
GO_ON = re.compile(r"/(?:[!-.0-\[\]-~][!-~]{0,498})?")
START_AGAIN = "this browser has not begun this sign-in, or too long ago: start again at /v1/oidc/login"


@dataclass(frozen=True)
class Begun:
    """A sign-in that waits for its browser to come back."""

    state: str
    nonce: str
    verifier: str
    go_on: str

    def as_cookie(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()


def begin(go_on: str) -> Begun:
    """A new one, drawn."""
    return Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), go_on)


def read_begun(cookie: str | None) -> Begun | None:
    """What a browser brought back; None: nothing, or what we did not write."""
    try:
        begun = Begun(**json.loads(base64.urlsafe_b64decode((cookie or "").encode(errors="replace"))))
    except (TypeError, ValueError, binascii.Error, RecursionError):
        return None
    is_whole = all(isinstance(value, str) and value for value in asdict(begun).values())
    return begun if is_whole and GO_ON.fullmatch(begun.go_on) else None


@dataclass(frozen=True)
class OidcSignIn:
    """Signs people in whom the provider knows. Every method raises `RedisUnavailable` when Redis takes no requests."""

    rules: OidcRules
    provider: OidcProvider
    people: People
    identities: Identities
    sessions: Sessions
    callers: SessionCallers
    throttle: SignInThrottle
    audit: Audit
    #: Names that belong to keys of the environment.
    reserved: frozenset[str]

    def finish(self, begun: Begun, code: str, redirect_uri: str, address: str) -> tuple[str, Session, Caller]:
        """A session of whom the provider names; returns its token, too.

        Raises:
            SignInRefused: the provider's word is none, or is no way in for this person.
            TooManySignIns: too many others were none. ProviderUnavailable: the provider does not answer.
            NotInstalled: the extra is not here.
        """
        try:
            with self.throttle.attempt(address, ""):
                claims = self.provider.claims_of(code, redirect_uri, begun.nonce, begun.verifier)
                name = self._person_of(claims)
        except SignInRefused as exc:
            logger().warning("sign_in.refused", address=address, key="", reason=exc.message)
            self.audit.record(Actor(address), Deed.SIGN_IN_REFUSED, self.rules.issuer, "refused")
            raise
        caller = self.callers.person(name)
        if caller is None:
            raise SignInRefused(f"{name} may not come in here any more")
        token, session = self.sessions.open(name)
        self.audit.record(Actor(name), Deed.SIGNED_IN, session.id, address=address, by=self.rules.issuer)
        return token, session, caller

    def _person_of(self, claims: Claims) -> str:
        role = self.rules.role_in(claims)
        identity = identity_of(self.rules.issuer, str(claims["sub"]))
        name = self.identities.person_of(identity) or self._first_time(identity, self.rules.name_in(claims), role)
        if role is not None and self.people.get(name).role != role:
            self.people.change(name, {"role": role}, {}, Actor(f"provider {self.rules.issuer}"))
        return name

    def _first_time(self, identity: str, name: str, role: Role | None) -> str:
        is_theirs = self.identities.owner_of(name) == identity
        if not is_theirs and not self.rules.may_link and self._is_taken(name):
            raise SignInRefused(
                f"there is a person {name!r} here already, who has not signed in by this provider before; an administrator "
                "may allow it with DARKROOM_OIDC_LINK_EXISTING=true"
            )
        if not self.identities.claim(identity, name):
            raise SignInRefused(f"the name {name!r} belongs to somebody else whom the provider knows")
        with contextlib.suppress(AlreadyExists):  # linked, or a first sign-in that broke off here
            self.people.add(Person(name=name, role=role or self._default()), Actor(f"provider {self.rules.issuer}"))
        return name

    def _is_taken(self, name: str) -> bool:
        if name == LOCAL or name in self.reserved:
            return True
        try:
            self.people.get(name)
        except NotFound:
            return False
        return True

    def _default(self) -> Role:
        return self.rules.default_role or Role.VIEWER


def is_same(begun: Begun, state: str) -> bool:
    """Whether the provider answers this sign-in; how long it takes tells nothing."""
    return hmac.compare_digest(begun.state.encode(), state.encode(errors="surrogatepass"))
