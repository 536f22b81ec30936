"""What every answer says to browsers and caches, in one place. A view that says more itself is left alone.

- No guessing of types: `nosniff`.
- A document of ours loads nothing and stands in nobody's frame, unless it says otherwise.
- `Referrer-Policy: same-origin`: others learn nothing of our addresses. Not `no-referrer`: under that, browsers send
  `Origin: null` with a page's own requests, which the door would have to refuse.
- What a person may see is kept by their browser only (`private`), for this person only: `Vary` names everything that says
  who asks, so that after a sign-out nothing of the one before is shown to the next. What changes is asked for again.
"""

from flask import Response, g, request

from api.services.auth import NOBODY
from api.services.session_cookie import take_token

#: What tells one caller from another.
WHO_ASKS = ("Authorization", "Cookie", "X-Api-Key")
#: Pages need some of this otherwise, and say so; nothing else is ever a document.
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"


def complete(response: Response) -> Response:
    """Add what the view has not said."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    is_page = response.mimetype == "text/html"
    headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else POLICY)
    if _is_personal(response):
        _keep_private(response)
    if g.get("is_session_over", False):
        take_token(response, is_https=request.is_secure)
    return response


def _is_personal(response: Response) -> bool:
    """Whatever a caller was asked for; a refusal at the door, and what sets a cookie, too."""
    return g.get("caller") != NOBODY or "Set-Cookie" in response.headers


def _keep_private(response: Response) -> None:
    response.vary.update(WHO_ASKS)
    said = response.headers.get("Cache-Control")
    if "Set-Cookie" in response.headers:
        response.headers["Cache-Control"] = "no-store"
    elif said is None:
        response.headers["Cache-Control"] = "private, no-cache"
    elif not {"private", "public", "no-store"}.intersection(said.replace(",", " ").split()):
        response.headers["Cache-Control"] = f"private, {said}"
