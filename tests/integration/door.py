"""How tests knock at the door: apps over given settings, keys, cookies, browsers."""

from typing import Any

from api.app import create_app
from api.services import build_services

COOKIE = "darkroom_session"
EVIL = "https://evil.example"
#: Our own page, as the test client asks for it.
OWN = "http://localhost"
OURS = {"Origin": OWN}
#: A job that nobody needs.
SEND: dict[str, Any] = {"json": {"prompt": "x", "model": "sdxl-toy"}}
#: Longest that a key or a session which was ended may still open anything.
END_S = 1.0


def app_of(settings, **update):
    """A web app over these settings, as if they had been given by hand."""
    given = settings.model_dump(exclude_unset=True) | update
    return create_app(build_services(type(settings)(**given)))


def secret_of(key: str) -> str:
    """It may have underscores, too."""
    return key.split("_", 2)[2]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def signed_in(web, key: str) -> str:
    """Sign in; returns the token. The test client keeps the cookie, as a browser does."""
    answer = web.post("/v1/session", json={"key": key}, headers=OURS)
    assert answer.status_code == 201, answer.text
    return web.get_cookie(COOKIE).value


def with_cookie(*tokens: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{COOKIE}={token}" for token in tokens)}


def browser(services):
    """Another browser."""
    return create_app(services).test_client()


def raw(web):
    """A client of the same process that sends the cookies it is told, and keeps none."""
    return web.application.test_client(use_cookies=False)
