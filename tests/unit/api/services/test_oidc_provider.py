"""What is believed of an OpenID provider: played here as it should be, and as somebody would who wants to come in."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey

from api.services.oidc_provider import OidcProvider
from api.services.oidc_rules import oidc_rules
from shared.errors import ProviderUnavailable, SignInRefused
from shared.settings import Settings

ISSUER = "https://id.example"
BACK = "https://rack.example/v1/oidc/callback"
KEY, OTHER = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("first", "second"))


def usual() -> dict[str, object]:
    """Claims that are believed."""
    now = int(time.time())
    return {"iss": ISSUER, "aud": "darkroom", "sub": "s1", "nonce": "n1", "iat": now, "exp": now + 300}


def part(value: dict[str, object]) -> str:
    """Of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Played:
    """A provider; a test changes what it says."""

    def __init__(self) -> None:
        self.key, self.shown = KEY, [KEY]
        self.claims: dict[str, object] = {}
        self.metadata: dict[str, object] = {}
        self.userinfo: dict[str, object] = {"sub": "s1"}
        self.asked: list[httpx2.Request] = []
        self.id_token: str | None = None
        self.is_away = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.is_away:
            raise httpx2.ConnectError("no route")
        match request.url.path:
            case "/.well-known/openid-configuration":
                places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
                places |= {"userinfo_endpoint": "/userinfo"}
                said = {"issuer": ISSUER} | {name: ISSUER + path for name, path in places.items()}
                return httpx2.Response(200, json=said | self.metadata)
            case "/jwks":
                return httpx2.Response(200, json=KeySet(self.shown).as_dict(private=False))
            case "/token":
                token = self.id_token if self.id_token is not None else self.signed()
                return httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "id_token": token})
            case "/userinfo":
                return httpx2.Response(200, json=self.userinfo)
        return httpx2.Response(404)

    def signed(self, key=None, algorithm: str = "RS256", **claims: object) -> str:
        key = key or self.key
        said = {name: value for name, value in (usual() | self.claims | claims).items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": key.kid}, said, key, algorithms=[algorithm])

    def count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.asked)


@pytest.fixture
def played():
    return Played()


def provider(played, **fields) -> OidcProvider:
    given = {"oidc_issuer": ISSUER, "oidc_client_id": "darkroom", "oidc_default_role": "user"} | fields
    return OidcProvider(oidc_rules(Settings(**given)), httpx2.MockTransport(played))


def claims(played, **fields):
    return provider(played, **fields).claims_of("c1", BACK, "n1", "v" * 43)


def test_the_browser_goes_to_the_provider_with_pkce(played):
    url = provider(played).authorization_url(BACK, "s", "n", "v" * 43)

    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).decode().rstrip("=")
    assert url.startswith(f"{ISSUER}/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": "darkroom",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "s",
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def test_a_code_is_exchanged_with_its_verifier(played):
    found = claims(played, oidc_client_secret="secret")

    (request,) = [request for request in played.asked if request.url.path == "/token"]
    sent = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    assert found["sub"] == "s1"
    assert (sent["code"], sent["code_verifier"], sent["redirect_uri"]) == ("c1", "v" * 43, BACK)
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"darkroom:secret").decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": ["darkroom", "another"]},
        {"aud": ["darkroom", "another"], "azp": "another"},
        {"nonce": "n2"},
        {"nonce": None},
        {"sub": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 99_999_999_999},
        {"iat": 99_999_999_999},
    ],
    ids=str,
)
def test_claims_that_are_not_for_us_now_are_not_believed(played, wrong):
    played.claims = wrong

    with pytest.raises(SignInRefused):
        claims(played)


def test_several_audiences_are_fine_where_we_are_the_one_it_was_made_for(played):
    played.claims = {"aud": ["darkroom", "another"], "azp": "darkroom"}

    assert claims(played)["sub"] == "s1"


def test_what_somebody_else_signed_is_not_believed(played):
    played.key = OTHER

    with pytest.raises(SignInRefused):
        claims(played)


@pytest.mark.parametrize("kid", ["first", "second"])
def test_what_is_signed_with_what_everybody_knows_is_not_believed(played, kid):
    """An HMAC with the provider's public key, which a careless check takes for its signature."""
    signed = f"{part({'alg': 'HS256', 'kid': kid})}.{part(usual())}"
    mac = hmac.new(KEY.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    played.id_token = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    with pytest.raises(SignInRefused):
        claims(played)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "e30.e30.", "null"])
def test_what_is_no_token_is_not_believed(played, token):
    played.id_token = token

    with pytest.raises(SignInRefused):
        claims(played)


def test_what_nobody_signed_is_not_believed(played):
    played.id_token = f"{part({'alg': 'none'})}.{part(usual())}."

    with pytest.raises(SignInRefused):
        claims(played)


def test_a_key_in_the_tokens_own_header_is_not_used(played):
    header = {"alg": "RS256", "kid": "second", "jwk": OTHER.as_dict(private=False)}
    payload = jws.extract_compact(played.signed().encode()).payload
    played.id_token = jws.serialize_compact(header, payload, OTHER)

    with pytest.raises(SignInRefused):
        claims(played)


def test_after_the_provider_changed_its_keys_people_come_in_without_a_restart(played):
    one = provider(played)
    one.claims_of("c1", BACK, "n1", "v")
    played.key, played.shown = OTHER, [OTHER]

    assert one.claims_of("c2", BACK, "n1", "v")["sub"] == "s1"


def test_what_the_provider_says_of_itself_is_remembered(played):
    one = provider(played)
    for _ in range(5):
        one.claims_of("c1", BACK, "n1", "v")

    assert (played.count("/jwks"), played.count("/.well-known/openid-configuration")) == (1, 1)


def test_claims_that_are_missing_are_asked_for(played):
    played.userinfo = {"sub": "s1", "preferred_username": "ann", "iss": "https://evil.example"}

    found = claims(played)

    assert found["preferred_username"] == "ann"
    assert found["iss"] == ISSUER


def test_nothing_is_asked_for_where_nothing_is_missing(played):
    played.claims = {"preferred_username": "ann"}

    claims(played)

    assert played.count("/userinfo") == 0


def test_what_is_told_of_somebody_else_is_not_believed(played):
    played.userinfo = {"sub": "s2", "preferred_username": "root"}

    with pytest.raises(SignInRefused, match="somebody else"):
        claims(played)


def test_a_provider_that_is_away_is_ours_to_wait_for(played):
    played.is_away = True

    with pytest.raises(ProviderUnavailable, match=ISSUER):
        claims(played)


def test_a_provider_that_is_away_is_not_asked_by_everybody(played):
    played.is_away = True
    one = provider(played)
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            one.authorization_url(BACK, "s", "n", "v")

    assert len(played.asked) == 1


@pytest.mark.parametrize(
    "said", [{"issuer": "https://evil.example"}, {"token_endpoint": None}, {"jwks_uri": 7}], ids=str
)
def test_a_provider_that_is_not_what_it_should_be_is_named(played, said):
    played.metadata = said

    with pytest.raises(ProviderUnavailable, match=ISSUER):
        claims(played)
