"""What each parameter of a generation is to the passes its pictures are made in: data on the field, read by all.

A pass of the network makes several jobs' pictures at once. Some of a job's parameters all of them must share; others are
a sample's own, whatever its neighbours have; others compute nothing. And where jobs are made together from end to end,
they must also be alike in what decides how long that takes, or one would wait for another's steps; passes do not need it.
A field says which beside its type:

    width: Annotated[int, SharedByPass()]
    scheduler: Annotated[str, SharedByBatch("sampling")]     # shared is what follows from it, with other fields
    prompt: Annotated[str, OWN]

Who may share a GPU batch (`jobs.routing`) and what an engine refuses to mix follow from that alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class SharedByPass:
    """All samples of a pass have the same."""

    #: The property that is shared, where it is not the field itself: two spellings may mean the same.
    what: str = ""


@dataclass(frozen=True)
class SharedByBatch(SharedByPass):
    """Jobs that are made together from end to end have the same; a pass does not need it."""


@dataclass(frozen=True)
class OwnToSample:
    """Each sample of a pass has its own."""


@dataclass(frozen=True)
class NotComputing:
    """Changes no pixel."""


OWN = OwnToSample()
NOT_COMPUTING = NotComputing()
Role = SharedByPass | OwnToSample | NotComputing


def roles_of(contract: type[BaseModel]) -> dict[str, list[Role]]:
    """What was said of each field; one role each, if it was classified."""
    return {
        name: [said for said in field.metadata if isinstance(said, Role)]
        for name, field in contract.model_fields.items()
    }


@cache
def shared_by_pass(contract: type[BaseModel]) -> tuple[str, ...]:
    """The names of what all samples of a pass share, in the fields' order."""
    return _named(contract, lambda role: type(role) is SharedByPass)


@cache
def shared_by_batch(contract: type[BaseModel]) -> tuple[str, ...]:
    """The names of what jobs share that are made together from end to end, in the fields' order."""
    return _named(contract, lambda role: isinstance(role, SharedByPass))


def _named(contract: type[BaseModel], counts: Callable[[Role], bool]) -> tuple[str, ...]:
    said = roles_of(contract).items()
    names = [getattr(role, "what", "") or name for name, roles in said for role in roles if counts(role)]
    return tuple(dict.fromkeys(names))


def shared_values(params: BaseModel) -> dict[str, Any]:
    """What a job brings to a batch, by name."""
    return {name: getattr(params, name) for name in shared_by_batch(type(params))}
