"""Talks to an OpenID provider, through Authlib: where it is, where a browser goes, and what a code is worth.

Code flow with PKCE. Nothing of an answer is believed before its signature is checked against the provider's keys, and issuer,
audience, times and nonce with it. Authlib is an extra, `darkroom[oidc]`, so it is loaded when it is first needed.

What the provider says of itself and its keys is remembered for an hour; keys that we do not know are looked for once more.
That it does not answer is remembered for seconds, so that those who wait for it do not hold all threads.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from api.services.oidc_rules import Claims, OidcRules
from shared.errors import NotInstalled, ProviderUnavailable, SignInRefused

#: Longest that one answer of the provider is waited for.
TIMEOUT_S = 5.0
KEPT_S = 3600.0
AWAY_S = 5.0
#: Clocks of two machines differ.
LEEWAY_S = 60
#: Never `none`, never one whose key is the client's secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class OidcProvider:
    """One provider, for all threads of a process."""

    def __init__(self, rules: OidcRules, transport: Any = None) -> None:
        self._rules = rules
        self._transport = transport
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[dict[str, Any], float]] = {}
        self._away_until_s = 0.0

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes.

        Raises:
            ProviderUnavailable: the provider does not answer. NotInstalled: the extra is not here.
        """
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                self._place("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    def claims_of(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Claims:
        """Who came back with this code, as the provider says and signs.

        Raises:
            SignInRefused: the provider does not take the code, or what it says cannot be believed.
            ProviderUnavailable: the provider does not answer. NotInstalled: the extra is not here.
        """
        with self._client(redirect_uri) as client:
            token = self._token(client, code, verifier)
            claims = self._checked(str(token.get("id_token", "")), nonce)
            if self._rules.wanted_claims <= set(claims) or "userinfo_endpoint" not in self._metadata():
                return claims
            more = self._answer(lambda: client.get(self._place("userinfo_endpoint")))
        if more.get("sub") != claims["sub"]:
            raise SignInRefused("the provider tells of somebody else than it signed in")
        return more | claims

    def _token(self, client: Any, code: str, verifier: str) -> dict[str, Any]:
        from authlib.integrations.base_client import OAuthError

        try:
            return dict(client.fetch_token(self._place("token_endpoint"), code=code, code_verifier=verifier))
        except OAuthError as exc:
            raise SignInRefused(f"the provider did not take the code: {str(exc)[:200]}") from exc
        except _transport_errors() as exc:
            raise self._away(exc) from exc

    def _checked(self, id_token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._issuer()},
            aud={"essential": True, "value": self._rules.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            try:
                found = jwt.decode(id_token, KeySet.import_key_set(self._keys()), algorithms=list(ALGORITHMS))  # type: ignore[arg-type]
            except (JoseError, ValueError):  # perhaps by a key that is newer than what we remember
                self._forget()
                found = jwt.decode(id_token, KeySet.import_key_set(self._keys()), algorithms=list(ALGORITHMS))  # type: ignore[arg-type]
            registry.validate(found.claims)
        except (JoseError, ValueError) as exc:
            raise SignInRefused(f"what the provider signed cannot be believed: {str(exc)[:200]}") from exc
        claims = dict(found.claims)
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._rules.client_id:
            raise SignInRefused("the provider signed this for another server, too (azp)")
        return claims

    def _client(self, redirect_uri: str) -> Any:
        try:
            from authlib.integrations.httpx_client import OAuth2Client
        except ImportError as exc:
            raise NotInstalled("single sign-on needs an extra: pip install 'darkroom[oidc]'") from exc
        more = {"transport": self._transport} if self._transport is not None else {}
        return OAuth2Client(
            self._rules.client_id,
            self._rules.client_secret,
            token_endpoint_auth_method="client_secret_basic" if self._rules.client_secret else "none",
            scope=self._rules.scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            follow_redirects=False,
            **more,
        )

    def _issuer(self) -> str:
        """As it signs: a slash at the end belongs to some providers' names."""
        return str(self._metadata()["issuer"])

    def _metadata(self) -> dict[str, Any]:
        found = self._remembered(f"{self._rules.issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != self._rules.issuer:
            raise ProviderUnavailable(
                f"{self._rules.issuer} calls itself {str(found.get('issuer'))[:100]!r}: DARKROOM_OIDC_ISSUER must be that"
            )
        return found

    def _place(self, name: str) -> str:
        place = self._metadata().get(name)
        if not isinstance(place, str):
            raise ProviderUnavailable(f"{self._rules.issuer} names no {name}")
        return place

    def _keys(self) -> Any:
        return self._remembered(self._place("jwks_uri"))

    def _forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _remembered(self, url: str) -> dict[str, Any]:
        found, until_s = self._kept.get(url, ({}, 0.0))
        if time.monotonic() < until_s:
            return found
        with self._client("") as client:
            found = self._answer(lambda: client.request("GET", url, withhold_token=True))
        with self._lock:
            self._kept[url] = (found, time.monotonic() + KEPT_S)
        return found

    def _answer(self, ask: Callable[[], Any]) -> dict[str, Any]:
        """A JSON object of the provider's."""
        if time.monotonic() < self._away_until_s:
            raise self._away(ConnectionError("it did not answer a moment ago"))
        failures: tuple[type[Exception], ...] = (*_transport_errors(), ValueError)
        try:
            answer = ask()
            answer.raise_for_status()
            found = answer.json()
        except failures as exc:
            self._away_until_s = time.monotonic() + AWAY_S
            raise self._away(exc) from exc
        if not isinstance(found, dict):
            raise self._away(ValueError("no JSON object"))
        return found

    def _away(self, exc: Exception) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"{self._rules.issuer} does not answer as an OpenID provider ({type(exc).__name__}: {str(exc)[:120]})",
            retry_after_s=5,
        )


def _transport_errors() -> tuple[type[Exception], ...]:
    """Of the HTTP library that Authlib speaks through; it comes with the extra."""
    import httpx2

    return httpx2.HTTPError, httpx2.InvalidURL
