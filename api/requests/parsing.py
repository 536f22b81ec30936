"""A request → typed values, or an error that names the field, the limit and the fix.

flask-openapi documents a view by the types of its arguments `path`, `query`, `header` and `body`; `reads_request` fills
the same arguments. We read ourselves because the library's own reading guesses (a JSON string is parsed twice, a
broken body counts as none) and cannot tell a broken body (400) from a wrong value (422).
"""

import json
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, get_type_hints

from flask import Response, current_app, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import MethodNotAllowed

from api.requests.validation_errors import explained, printable
from shared.errors import InvalidRequest, MalformedRequest, NotFound, TooLarge, UnsupportedMedia

M = TypeVar("M", bound=BaseModel)
View = Callable[..., Response]
#: A lone surrogate can only enter JSON as an escape.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89abAB]")
#: Beyond, neighbours of a float are no neighbours of it as an integer.
MOST_EXACT = 2**53
#: Editors on Windows put it before a file's text; RFC 8259 lets a reader pass over it.
BYTE_ORDER_MARK = "\ufeff"


def reads_request(view: View) -> View:
    """Fill a view's typed arguments from the request; whatever it does not declare in its query is refused."""
    wanted = get_type_hints(view)

    @wraps(view)
    def reading(**path: str) -> Response:
        given: dict[str, Any] = {}
        if "path" in wanted:
            given["path"] = read_path(wanted["path"], path)
        query = read_query(wanted.get("query", NoQuery))
        if "query" in wanted:
            given["query"] = query
        if "header" in wanted:
            given["header"] = read_headers(wanted["header"])
        if "body" in wanted:
            given["body"] = read_json(wanted["body"])
        return view(**given)

    # flask-openapi then leaves the reading to us and keeps its documentation.
    reading.__delay_validate_request__ = True  # type: ignore[attr-defined]
    return reading


class NoQuery(BaseModel):
    """A view without query arguments."""

    model_config = {"extra": "forbid"}


def read_path(model: type[M], values: dict[str, str]) -> M:
    """Path arguments; what does not look like an id names nothing, so it is not found.

    Raises:
        NotFound: one does not have the form of its ids.
        MethodNotAllowed: it is no id because it is an address of its own (`/v1/jobs/cancel`), which takes other methods.
    """
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        _refuse_other_methods()
        error = exc.errors()[0]
        raise NotFound(f"there is no {str(error['loc'][0]).replace('_id', '')} {str(error['input'])[:100]!r}") from exc


def read_query(model: type[M]) -> M:
    """Query arguments, each at most once.

    Raises:
        InvalidRequest: unknown, repeated or out of range.
    """
    for name, values in request.args.lists():
        if len(values) > 1 and name in model.model_fields:
            raise InvalidRequest(f"{name} is given {len(values)} times; give it once", field=name)
    return _validated(model, lambda: model.model_validate(request.args.to_dict()))


def read_headers(model: type[M]) -> M:
    """The headers a view asks for, by their aliases.

    Raises:
        InvalidRequest: one is out of range.
    """
    names = [info.alias or name for name, info in model.model_fields.items()]
    found = {name: request.headers[name] for name in names if name in request.headers}
    return _validated(model, lambda: model.model_validate(found))


def read_json(model: type[M]) -> M:
    """The body, as the contract demands.

    Raises:
        UnsupportedMedia: not sent as JSON. TooLarge (by Werkzeug): longer than allowed.
        MalformedRequest: not UTF-8, not JSON, NaN or Infinity, a key twice, nested too deeply, a number too long.
        InvalidRequest: a field is unknown, missing, out of range, or cannot be written as UTF-8.
    """
    if not request.is_json:
        sent = request.mimetype or "no content type"
        raise UnsupportedMedia(f"send JSON with the header `Content-Type: application/json` (got {sent})")
    return validated_json(model, _decoded(read_body()))


def validated_json(model: type[M], text: str) -> M:
    """JSON as the contract demands; see `read_json`. A whole number is one however it is written: 7.0 is 7."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    wholes: list[str] = []
    value = parse_json(text, wholes)
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body must be a JSON object, not {_kind(value)}", field="body")
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value, "")
    if wholes:
        text = json.dumps(value)
    return _validated(model, lambda: model.model_validate_json(text))


def read_body() -> bytes:
    """The body's bytes.

    Raises:
        TooLarge: longer than allowed.
    """
    data = request.get_data(cache=False)
    limit = request.max_content_length
    # Werkzeug cuts a chunked body off at the limit without a word, so one of exactly that length was longer.
    if request.content_length is None and limit is not None and len(data) >= limit:
        raise TooLarge(f"the body is longer than {limit:,} bytes")
    return data


def parse_json(text: str, wholes: list[str] | None = None) -> Any:
    """Strict JSON; whole numbers are integers.

    Args:
        wholes: gets those that were written with a fraction or an exponent.

    Raises:
        MalformedRequest: see `read_json`.
    """
    if not text.strip():
        raise MalformedRequest("the body is empty; send a JSON object")
    try:
        number = partial(_number, [] if wholes is None else wholes)
        return json.loads(text, parse_float=number, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError as exc:
        raise MalformedRequest("the body is nested too deeply") from exc
    except ValueError as exc:  # JSONDecodeError is one; so is an integer of more than 4,300 digits
        raise MalformedRequest(f"the body is not JSON: {exc}") from exc


def _refuse_other_methods() -> None:
    rules = current_app.url_map.iter_rules()
    own = {method for rule in rules if rule.rule == request.path for method in rule.methods or ()}
    if own and request.method not in own:
        raise MethodNotAllowed(sorted(own))


def _validated(model: type[M], validate: Callable[[], M]) -> M:
    try:
        return validate()
    except ValidationError as exc:
        raise explained(exc, model) from exc


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedRequest(f"the body is not UTF-8: byte {exc.start} is {data[exc.start]:#04x}") from exc


def _number(wholes: list[str], digits: str) -> float | int:
    value = float(digits)
    if abs(value) > MOST_EXACT or not value.is_integer():
        return value
    wholes.append(digits)
    return int(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {printable(twice)!r} stands twice in one object")
    return found


def _refuse_lone_surrogates(value: Any, field: str) -> None:
    match value:
        case str():
            if any("\ud800" <= char <= "\udfff" for char in value):
                name = printable(field) or "body"
                raise InvalidRequest(f"{name} has half a surrogate pair, which is no character: remove it", field=name)
        case dict():
            for key, inner in value.items():
                path = f"{field}.{key}" if field else key
                _refuse_lone_surrogates(key, path)
                _refuse_lone_surrogates(inner, path)
        case list():
            for index, inner in enumerate(value):
                _refuse_lone_surrogates(inner, f"{field}.{index}")


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
