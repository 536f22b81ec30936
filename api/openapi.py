"""What each answer is, said once for OpenAPI: statuses, headers, bodies."""

from typing import Any, Literal

from pydantic import BaseModel

REF = "#/components/schemas/"
#: Our errors by status, in words.
REASONS = {
    400: "The body or a header cannot be read",
    401: "No valid key where keys are required",
    403: "The caller's role, or what their key is narrowed to, does not allow this",
    404: "No such thing",
    409: "The state of a job, a model, a key or an Idempotency-Key does not allow this, or a name is taken",
    410: "It existed, and its time is over",
    413: "More bytes or pixels than allowed",
    415: "A content type or picture format that is not read here",
    422: "A field is unknown, missing, out of range or contradicts another",
    429: "A limit of this caller is reached: `code`, `limit`, `used` and `resets_at` say which",
    500: "The job failed; its record has the story",
    501: "An extra that this needs is not installed here",
    503: "Redis or the broker does not answer, or everybody together has too many jobs or pictures waiting",
    504: "The job did not end in time",
    507: "No room for the picture",
}
#: Statuses that tell when to ask again.
WITH_RETRY_AFTER = (429, 503)
#: What any request to a protected path may meet.
EVERYWHERE = (401, 403, 422, 429, 503)


def header(description: str, schema: dict[str, Any] | None = None, *, required: bool = False) -> dict[str, Any]:
    """One response header."""
    return {"description": description, "schema": schema or {"type": "string"}, "required": required}


RETRY_AFTER = header("Seconds to wait before asking again", {"type": "integer", "minimum": 0})
ETAG = header("Version of what was answered, for If-None-Match", required=True)
LOCATION = header("Where it is", required=True)
CACHE = header("How long it may be kept", required=True)


def failures(*statuses: int) -> dict[str, Any]:
    """Error answers: those that any request may meet, and these."""
    return {str(status): failure(status) for status in sorted({*EVERYWHERE, *statuses})}


def failure(status: int) -> dict[str, Any]:
    """One error answer."""
    answer = body("ErrorBody", REASONS[status])
    if status in WITH_RETRY_AFTER:
        answer["headers"] = {"Retry-After": RETRY_AFTER | {"required": True}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": header("Always Bearer", required=True)}
    return answer


def body(schema_name: str, description: str, **headers: dict[str, Any]) -> dict[str, Any]:
    """A JSON answer; headers by name, underscores for dashes."""
    answer: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": REF + schema_name}}},
    }
    if headers:
        answer["headers"] = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer


def picture(description: str, media_types: tuple[str, ...], **headers: dict[str, Any]) -> dict[str, Any]:
    """Picture bytes."""
    schema = {"type": "string", "format": "binary"}
    return {
        "description": description,
        "content": {media_type: {"schema": schema} for media_type in media_types},
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
    }


def not_modified() -> dict[str, Any]:
    """304: nothing changed."""
    return {"description": "Nothing has changed since that ETag", "headers": {"ETag": ETAG}}


def schemas_of(
    *models: type[BaseModel], mode: Literal["serialization", "validation"] = "serialization"
) -> dict[str, Any]:
    """Component schemas of models that are answered (or asked: `validation`), with everything they refer to."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(mode=mode, ref_template=REF + "{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found
