"""The API's description: `/openapi.json` for programs, `/docs` for people. Nothing is loaded from elsewhere."""

from pathlib import Path

import flask_openapi_swagger  # type: ignore[import-untyped]
from flask import Blueprint, Response, current_app, json

blueprint = Blueprint(
    "docs",
    __name__,
    static_folder=Path(flask_openapi_swagger.__file__).parent / "templates" / "swagger",
    static_url_path="/docs/assets",
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Darkroom API</title>
<link rel="icon" href="/docs/assets/images/swagger.svg">
<link rel="stylesheet" href="/docs/assets/css/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/assets/js/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true})</script>
</body>
</html>
"""


@blueprint.get("/openapi.json")
def description() -> Response:
    return Response(json.dumps(current_app.api_doc), mimetype="application/json")  # type: ignore[attr-defined]


@blueprint.get("/docs")
def page() -> Response:
    return Response(PAGE, mimetype="text/html")
