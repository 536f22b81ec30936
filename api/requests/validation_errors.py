"""What pydantic finds wrong with a request, in our words: the field as the caller wrote it, the limit, the fix.

pydantic names the chosen member of a tagged union as if it were a field of the body; callers never wrote that.
"""

import difflib
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared.errors import InvalidRequest

Location = tuple[int | str, ...]
#: How many problems beyond the first a message lists.
MORE_PROBLEMS = 3


def explained(exc: ValidationError, model: type[BaseModel]) -> InvalidRequest:
    """What pydantic found wrong, as one error of ours: the first problem in words, the others by their fields."""
    problems = exc.errors(include_url=False)
    first = problems[0]
    field = _field_of(first, model)
    message = _in_words(first, field, model)
    others = list(dict.fromkeys(name for each in problems[1:] if (name := _field_of(each, model)) != field))
    if others:
        more = "" if len(others) <= MORE_PROBLEMS else f" and {len(others) - MORE_PROBLEMS} more"
        message += f" (also wrong: {', '.join(others[:MORE_PROBLEMS])}{more})"
    return InvalidRequest(message, field=field)


def nearest(name: str, known: list[str]) -> str:
    """A hint at the known name that was probably meant, or at all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known)}" if known else "none is known here"


def printable(text: str) -> str:
    """Text that any encoder takes, and that is short enough for a message."""
    return text[:200].encode(errors="backslashreplace").decode()


def _in_words(problem: ErrorDetails, field: str, model: type[BaseModel]) -> str:
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
    return printable(path) or "body"


def _shortened(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    text = printable(repr(value))
    return text if len(text) <= 60 else text[:57] + "…"


def located(model: type[BaseModel], location: Location) -> tuple[str, type[BaseModel]]:
    """The path (`tasks.0.length`) as the caller wrote it, and the innermost model around it."""
    shown: list[str] = []
    owner, at = model, [model]
    for part in location:
        members = list(_models(at))
        member = next((each for each in members if len(members) > 1 and part in _tags(each)), None)
        if member is not None:
            owner, at = member, [member]
            continue
        shown.append(str(part))
        owner = next((each for each in _models(at) if part in _names(each)), owner)
        at = [inner for each in at for inner in _inside(each, part)]
        if len(models := list(_models(at))) == 1:
            owner = models[0]
    return ".".join(shown), owner


def names_of(model: type[BaseModel]) -> list[str]:
    """What a caller may write in it."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _models(at: list[Any]) -> Iterator[type[BaseModel]]:
    for each in at:
        yield from (option for option in _options(each) if isinstance(option, type) and issubclass(option, BaseModel))


def _options(annotation: Any) -> list[Any]:
    """What an annotation may be, unions taken apart."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for part in get_args(annotation) for option in _options(part)]
    return [annotation]


def _names(model: type[BaseModel]) -> set[str]:
    return {*model.model_fields, *names_of(model)}


def _tags(model: type[BaseModel]) -> set[Any]:
    """The literals that tell a member of a tagged union."""
    fields: list[FieldInfo] = list(model.model_fields.values())
    return {tag for info in fields if get_origin(info.annotation) is Literal for tag in get_args(info.annotation)}


def _inside(annotation: Any, part: int | str) -> list[Any]:
    """The annotations behind a name or an index."""
    found: list[Any] = []
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            found += [i.annotation for n, i in option.model_fields.items() if part in (n, i.alias)]
        elif isinstance(part, int) and get_args(option):
            found.append(get_args(option)[0])
    return found
