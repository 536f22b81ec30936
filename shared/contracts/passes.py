"""What each parameter of a generation is to the passes its pictures are made in: data on the field, read by all.

A pass of the network makes several jobs' pictures at once. Some of a job's parameters all of them must share; others are
a sample's own, whatever its neighbours have; others compute nothing. A field says which beside its type:

    width: Annotated[int, SharedByPass()]
    scheduler: Annotated[str, SharedByPass("sampling")]     # shared is what follows from it, with other fields
    prompt: Annotated[str, OWN]

Who may share a GPU batch (`jobs.routing`) and what an engine refuses to mix follow from that alone.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class SharedByPass:
    """All jobs of a GPU batch have the same."""

    #: The property that is shared, where it is not the field itself: two spellings may mean the same.
    what: str = ""


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
    """The names of what all jobs of a GPU batch share, in the fields' order."""
    names = [
        role.what or name
        for name, roles in roles_of(contract).items()
        for role in roles
        if isinstance(role, SharedByPass)
    ]
    return tuple(dict.fromkeys(names))


def shared_values(params: BaseModel) -> dict[str, Any]:
    """What a job brings to its passes, by name."""
    return {name: getattr(params, name) for name in shared_by_pass(type(params))}
