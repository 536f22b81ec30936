"""`GET /`: people are sent to the page, programs learn what runs here and where to go on. Needs no key and no Redis.

Where no page is built, people get the same places as programs, to click on.
"""

import base64
import hashlib

from flask import Blueprint, Response, json, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from api.blueprints import web
from api.blueprints.status import our_version

blueprint = Blueprint("home", __name__)

#: What this is → where it is. The page shows them in this order.
PLACES = {
    "docs": ("/docs", "every route, to read and to try"),
    "openapi": ("/openapi.json", "the same for programs"),
    "status": ("/v1/status", "workers, queues and jobs now"),
    "models": ("/v1/models", "what can be asked for"),
    "health": ("/healthz", "whether this answers"),
}
ABOUT = "A rack of GPUs that develops pictures: send it jobs, poll for results."
STYLE = (
    "body{background:#121114;color:#dedad0;font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:15vh auto;"
    "padding:0 1.5rem}h1{color:#ffb854;font-weight:500}a{color:#ffb854}small{color:#98948a}"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Darkroom</title>
<style>{style}</style>
</head>
<body>
<h1>Darkroom <small>{version}</small></h1>
<p>{about}</p>
<ul>
{places}
</ul>
</body>
</html>
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
#: Nothing is loaded or run; only the page's own style counts, by its hash.
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
}


@blueprint.get("/")
def home() -> AnyResponse:
    wanted = request.accept_mimetypes.best_match(("application/json", "text/html"), "application/json")
    if wanted == "text/html" and web.files().is_built:
        answer = redirect(web.HOME)
        answer.vary.add("Accept")
        return answer
    if wanted == "text/html":
        return Response(_page(), mimetype="text/html", headers=HEADERS)
    places = {name: path for name, (path, _) in PLACES.items()}
    body = {"name": "Darkroom", "version": our_version(), "about": ABOUT, **places}
    return Response(json.dumps(body), mimetype="application/json", headers=HEADERS)


def _page() -> str:
    rows = (f'<li><a href="{path}">{path}</a> <small>{what}</small></li>' for path, what in PLACES.values())
    return PAGE.format(style=STYLE, version=our_version(), about=ABOUT, places="\n".join(rows))
