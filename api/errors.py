"""Every failure as one shape: `{"error": {"code", "message", "type", "field"?, "retryable"}}`. Two handlers, nothing else.

What we raise knows its status (`shared.errors`). Everything else is either Werkzeug's (a wrong method, an unknown
path, a body too large) or a bug; a bug answers 500, is logged with its traceback, and tells the caller nothing.
"""

from flask import Flask, Response, json, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

from shared.errors import DarkroomError
from shared.log import logger

#: Our words for what Werkzeug refuses by itself.
CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    414: "too_large",
    415: "unsupported_media",
    431: "too_large",
}
#: Headers of Werkzeug's answers that callers need.
KEPT_HEADERS = ("Allow", "Retry-After", "Accept")
#: Pause a caller is told where an error knows no better one.
RETRY_AFTER_S = 2


class ErrorDetail(BaseModel):
    """Why a request, or a job, did not succeed."""

    code: str = Field(description="A word that stays the same, for programs")
    message: str = Field(description="What happened, with the numbers, for people")
    type: str = Field(
        description="invalid_request_error (the caller's) or server_error (ours), as OpenAI's clients sort"
    )
    retryable: bool = Field(description="Whether asking again, unchanged, may help")
    field: str | None = Field(None, description="The field to blame, where there is one")
    limit: float | None = Field(None, description="Of a person's own limits: how much one may use, in its unit")
    used: float | None = Field(None, description="How much of that is used")
    resets_at: str | None = Field(None, description="When there is room again; null: nobody can say")
    at: int | None = Field(None, description="Of a search box that cannot be read: the character where, from 0")


class ErrorBody(BaseModel):
    """The one shape of all errors."""

    error: ErrorDetail


def register_errors(app: Flask) -> None:
    """Install the two handlers."""
    app.register_error_handler(DarkroomError, on_ours)
    app.register_error_handler(Exception, on_others)


def on_ours(error: DarkroomError) -> Response:
    """An error of our tree, as it describes itself."""
    response = _shaped(error.status, error.as_dict())
    if error.retry_after_s is not None or error.status in (429, 503):
        response.headers["Retry-After"] = str(error.retry_after_s or RETRY_AFTER_S)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def on_others(error: Exception) -> Response:
    """What Werkzeug refused, or a bug."""
    if not isinstance(error, HTTPException):
        logger().error("request.failed", method=request.method, path=request.path, exc_info=error)
        return _shaped(500, {"code": "internal_error", "message": "a bug of ours; it is logged", "retryable": False})
    theirs = error.get_response()
    if theirs.status_code < 400:  # a redirect is no error
        return Response(theirs.get_data(), theirs.status_code, dict(theirs.headers))
    code = CODES.get(theirs.status_code, "http_error")
    response = _shaped(theirs.status_code, {"code": code, "message": _message(error), "retryable": False})
    for name in KEPT_HEADERS:
        if name in theirs.headers:
            response.headers[name] = theirs.headers[name]
    return response


def _message(error: HTTPException) -> str:
    if error.code == 404:
        return f"there is nothing at {request.path}"
    if error.code == 405:
        return f"{request.path} does not take {request.method}; see the Allow header"
    if error.code == 413:
        return "the request's body is larger than this server takes"
    return error.description or error.name


def shown(status: int, body: dict[str, object]) -> dict[str, object]:
    """An error as an answer, or an event of a stream, has it."""
    return {"error": body | {"type": "invalid_request_error" if status < 500 else "server_error"}}


def _shaped(status: int, body: dict[str, object]) -> Response:
    return Response(json.dumps(shown(status, body)), status, mimetype="application/json")
