"""The cookie that holds a browser's session: scripts never see it, other sites' pages never send it.

`SameSite=Strict` also after a single sign-on: what comes back from the provider then answers with a page of ours that goes on
by itself, because a browser sends no Strict cookie along a way that began on another site.
"""

from flask import Request, Response

COOKIE = "darkroom_session"
#: What cannot be one session: two different ones. A neighbour on this name (another port, a parent domain) may have set one,
#: and guessing which is whose would let it choose for us.
AMBIGUOUS = ""


def shown_token(asked: Request) -> str | None:
    """The token that a request shows; None: it shows none."""
    values = set(asked.cookies.getlist(COOKIE))
    if len(values) > 1:
        return AMBIGUOUS
    return values.pop() if values else None


def give_token(response: Response, token: str, *, max_age_s: int, is_https: bool) -> None:
    """Put it into the browser; it leaves by itself when the session must end."""
    response.set_cookie(COOKIE, token, max_age=max_age_s, path="/", secure=is_https, httponly=True, samesite="Strict")


def take_token(response: Response, *, is_https: bool) -> None:
    """Take it out of the browser."""
    response.delete_cookie(COOKIE, path="/", secure=is_https, httponly=True, samesite="Strict")
