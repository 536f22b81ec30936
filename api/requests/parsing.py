"""A request → typed values, or an error that names the field, the limit and the fix.

flask-openapi documents a view by the types of its arguments `path`, `query`, `header` and `body`; `reads_request` fills
the same arguments. We read ourselves because the library's own reading guesses (a JSON string is parsed twice, a
broken body counts as none) and cannot tell a broken body (400) from a wrong value (422).
"""

import difflib
import json
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, get_type_hints

from flask import Response, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from api.requests.field_paths import located, names_of
from shared.errors import InvalidRequest, MalformedRequest, NotFound, TooLarge, UnsupportedMedia

M = TypeVar("M", bound=BaseModel)
View = Callable[..., Response]
#: A lone surrogate can only enter JSON as an escape.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89abAB]")
#: Beyond, neighbours of a float are no neighbours of it as an integer.
MOST_EXACT = 2**53
#: Editors on Windows put it before a file's text; RFC 8259 lets a reader pass over it.
BYTE_ORDER_MARK = "\ufeff"
#: How many problems beyond the first a message lists.
MORE_PROBLEMS = 3


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
    """
    try:
        return model.model_validate(values)
    except ValidationError as exc:
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


def nearest(name: str, known: list[str]) -> str:
    """A hint at the known name that was probably meant, or at all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known)}" if known else "none is known here"


def _validated(model: type[M], validate: Callable[[], M]) -> M:
    try:
        return validate()
    except ValidationError as exc:
        raise _first_problem(exc, model) from exc


def _first_problem(exc: ValidationError, model: type[BaseModel]) -> InvalidRequest:
    problems = exc.errors(include_url=False)
    first = problems[0]
    field = _field_of(first, model)
    message = _explained(first, field, model)
    others = list(dict.fromkeys(name for each in problems[1:] if (name := _field_of(each, model)) != field))
    if others:
        more = "" if len(others) <= MORE_PROBLEMS else f" and {len(others) - MORE_PROBLEMS} more"
        message += f" (also wrong: {', '.join(others[:MORE_PROBLEMS])}{more})"
    return InvalidRequest(message, field=field)


def _explained(problem: ErrorDetails, field: str, model: type[BaseModel]) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            _, owner = located(model, problem["loc"])
            return f"unknown field {field}: {nearest(field.rpartition('.')[2], names_of(owner))}"
        case "missing":
            return f"{field} is missing"
        case "union_tag_not_found":
            return f"{field} is missing"
        case "union_tag_invalid":
            known = [_bare(tag) for tag in context["expected_tags"].split(",")]
            return f"{field}: unknown {_shortened(context['tag'])}: {nearest(str(context['tag']), known)}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}: {message[:1].lower()}{message[1:]}, got {_shortened(problem['input'])}"


def _bare(quoted: str) -> str:
    """pydantic quotes names for people."""
    return quoted.strip(" '")


def _field_of(problem: ErrorDetails, model: type[BaseModel]) -> str:
    path, _ = located(model, problem["loc"])
    if problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path = f"{path}.{_bare(problem['ctx']['discriminator'])}"
    return _printable(path) or "body"


def _shortened(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    text = _printable(repr(value))
    return text if len(text) <= 60 else text[:57] + "…"


def _printable(text: str) -> str:
    """Text that any encoder takes, and that is short enough for a message."""
    return text[:200].encode(errors="backslashreplace").decode()


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
        raise ValueError(f"the key {_printable(twice)!r} stands twice in one object")
    return found


def _refuse_lone_surrogates(value: Any, field: str) -> None:
    match value:
        case str():
            if any("\ud800" <= char <= "\udfff" for char in value):
                name = _printable(field) or "body"
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
