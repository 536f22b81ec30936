"""`/v1/oidc`: a browser signs in at an OpenID provider and comes back with a session.

The way back begins on the provider's site, and along such a way browsers send no `SameSite=Strict` cookie, so a redirect to
our page would find nobody signed in. The answer is a page of ours instead, that goes on by itself: from there on it is our
own site. A Lax session cookie would spare that page, and be sent along with every link from anywhere.
"""

import html

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.parsing import reads_request
from api.services import services
from api.services.oidc_sign_in import GO_ON, START_AGAIN, OidcSignIn, begin, is_same, read_begun
from api.services.session_cookie import give_token, shown_token
from shared.errors import NotFound, SignInRefused

blueprint = APIBlueprint("oidc", __name__, abp_tags=[Tag(name="session", description="Browsers sign in and out")])

#: Holds a sign-in that has begun. Lax, because the way back begins on the provider's site.
COOKIE = "darkroom_oidc"
COOKIE_PATH = "/v1/oidc"
#: How long somebody may take at the provider.
LIMIT_S = 600
CALLBACK = "/v1/oidc/callback"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0;url={place}">
<title>Darkroom</title>
</head>
<body>
<p>Signed in. <a href="{place}">Go on</a></p>
</body>
</html>
"""


class LoginQuery(BaseModel):
    """Where to go on afterwards."""

    model_config = ConfigDict(extra="forbid")

    next: str = Field("/", pattern=f"^{GO_ON.pattern}$", description="A path of this server")


class CallbackQuery(BaseModel):
    """What the provider sends back; providers add things of their own."""

    model_config = ConfigDict(extra="ignore")

    state: str = Field("", max_length=500)
    code: str = Field("", max_length=4000)
    iss: str = Field("", max_length=500)
    error: str = Field("", max_length=500)
    error_description: str = Field("", max_length=2000)


@blueprint.get(
    "/v1/oidc/login",
    summary="Sign in by single sign-on",
    description="For browsers: goes to the provider of `DARKROOM_OIDC_ISSUER`.",
    responses={
        "302": {"description": "To the provider", "headers": {"Location": openapi.LOCATION}},
        **openapi.failures(404, 501),
    },
)
@reads_request
def login(query: LoginQuery) -> Response:
    sign_in, begun = _sign_in(), begin(query.next)
    url = sign_in.provider.authorization_url(_callback_url(), begun.state, begun.nonce, begun.verifier)
    response = Response(status=302, headers={"Location": url})
    _keep(response, begun.as_cookie(), LIMIT_S)
    return response


@blueprint.get(
    CALLBACK,
    summary="Come back from the provider",
    description="Where the provider sends browsers; to be registered there. Answers a page that goes on by itself.",
    responses={
        "200": {"description": "Signed in", "content": {"text/html": {"schema": {"type": "string"}}}},
        **openapi.failures(404, 429, 501),
    },
)
@reads_request
def callback(query: CallbackQuery) -> Response:
    sign_in, begun = _sign_in(), read_begun(request.cookies.get(COOKIE))
    if begun is None or not is_same(begun, query.state):
        raise SignInRefused(START_AGAIN)
    if query.error or not query.code:
        raise SignInRefused(f"the provider says: {query.error or 'nothing'} {query.error_description}".strip()[:500])
    if query.iss and query.iss.rstrip("/") != sign_in.rules.issuer:
        raise SignInRefused("another provider answers than was asked")
    token, _, _ = sign_in.finish(begun, query.code, _callback_url(), request.remote_addr or "")
    services().sign_in.replace(shown_token(request))
    response = Response(PAGE.format(place=html.escape(begun.go_on, quote=True)), mimetype="text/html")
    give_token(response, token, max_age_s=services().settings.session_max_s, is_https=request.is_secure)
    _keep(response, "", 0)
    return response


def _sign_in() -> OidcSignIn:
    found = services().oidc
    if found is None:
        raise NotFound("there is no single sign-on here: DARKROOM_OIDC_ISSUER is not set")
    return found


def _callback_url() -> str:
    return f"{request.scheme}://{request.host}{CALLBACK}"


def _keep(response: Response, value: str, max_age_s: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=max_age_s,
        path=COOKIE_PATH,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
