"""Where in a contract a problem lies: the path as the caller wrote it, and the model that owns its last name.

pydantic names the chosen member of a tagged union as if it were a field of the body; callers never wrote that.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Location = tuple[int | str, ...]


def located(model: type[BaseModel], location: Location) -> tuple[str, type[BaseModel]]:
    """The path (`tasks.0.length`) and the innermost model around it."""
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
