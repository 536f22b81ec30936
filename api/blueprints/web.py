"""`/ui/`: the page, as `make web` built it. It needs no key: it signs in by itself, through `/v1` like any other client.

Only below `/ui/` is an unknown address one of the page's screens; everywhere else it stays an error as JSON.
"""

from flask import Blueprint, Response, current_app, redirect, request, send_file
from werkzeug.exceptions import NotFound as NoSuchAddress
from werkzeug.wrappers import Response as AnyResponse

from api.responses.page_files import PageFiles
from shared.errors import NotFound

blueprint = Blueprint("web", __name__)

#: Where the app keeps its page.
EXTENSION = "darkroom.page"
HOME = "/ui/"
#: It may look after everything below `HOME`.
SERVICE_WORKER = "sw.js"
#: Scripts, styles, fonts and connections of ours alone, nothing inline. What measures and places itself (menus, virtual lists)
#: sets properties of an element's style, which is no inline style to a browser. Pictures also from memory: previews, uploads,
#: what was drawn.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "worker-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
NOT_BUILT = "the page is not built in this checkout: run `make web`; the API is described at /docs"


@blueprint.get("/ui/", defaults={"address": ""})
@blueprint.get("/ui/<path:address>")
def page(address: str) -> Response:
    found = files().find(address, lambda encoding: request.accept_encodings.quality(encoding) > 0)
    if found is None:
        if not files().is_built:
            raise NotFound(NOT_BUILT)
        raise NoSuchAddress
    response = send_file(found.path, mimetype=found.media_type, conditional=True, etag=found.etag or False)
    response.headers["Cache-Control"] = found.cache
    response.headers["Content-Security-Policy"] = POLICY
    response.vary.add("Accept-Encoding")
    if found.encoding:
        response.headers["Content-Encoding"] = found.encoding
    if address == SERVICE_WORKER:
        response.headers["Service-Worker-Allowed"] = HOME
    return response


@blueprint.post("/ui/share")
def share() -> AnyResponse:
    """Where a phone shares pictures to. The page's service worker takes them before they get here; without one they cannot be
    taken, and the page says so."""
    return redirect(f"{HOME}?share=unavailable", 303)


def files() -> PageFiles:
    """The page of the app that answers this request."""
    found: PageFiles = current_app.extensions[EXTENSION]
    return found
