"""What an administrator says of people, and what anybody says of a new key."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.contracts.access import Facade, Limits, PersonName, Role, Scopes
from shared.contracts.base import Contract, Priority
from shared.contracts.kinds import Kind

#: Models and kinds one key may be narrowed to.
MOST_NAMES = 100
#: Ten years: beyond, nobody means it.
MOST_EXPIRY_S = 10 * 366 * 86400
#: An enum in a strict contract is written as its text.
AnyRole = Annotated[Role, Field(strict=False)]


def _no_address(name: str) -> str:
    """Before there were people, jobs belonged to addresses: whoever had one as a name would own those."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    raise ValueError("an address is no name of a person")


NewName = Annotated[PersonName, AfterValidator(_no_address)]


class LimitsWish(Limits):
    """What a person may use."""

    model_config = Contract.model_config


class ScopesWish(Contract):
    """What a key is narrowed to; what is left out is not narrowed."""

    models: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(
        (), max_length=MOST_NAMES, description="Only these models, by id or other name"
    )
    kinds: tuple[Kind, ...] = Field(
        (), max_length=MOST_NAMES, description="Only these kinds of job, e.g. generate, analyze"
    )
    max_pixels: int | None = Field(
        None, ge=1, le=10**9, description="Largest picture asked for, in pixels (width × height)"
    )
    max_n: int | None = Field(None, ge=1, le=10**6, description="Most pictures of one job")
    highest_priority: Annotated[Priority, Field(strict=False)] | None = Field(
        None, description="Nothing more urgent than this: low, normal or high"
    )
    facades: tuple[Annotated[Facade, Field(strict=False)], ...] = Field(
        (), max_length=len(Facade), description="Only these ways in: native, openai"
    )

    def as_scopes(self) -> Scopes:
        return Scopes.model_validate(self.model_dump())


class PersonRequest(Contract):
    """`POST /v1/people`."""

    name: NewName = Field(description="The id: it never changes, and is given once")
    role: AnyRole = Field(Role.USER, description="viewer, user, operator or admin")
    weight: float = Field(1.0, gt=0, le=1000, description="Share of the GPUs beside the others' weights")
    limits: LimitsWish = Field(LimitsWish(), description="Where a limit is absent or null, that of the role counts")
    note: str = Field("", max_length=200, description="For people")


class PersonChange(Contract):
    """`PATCH /v1/people/{name}`; what is absent or null stays as it is."""

    role: AnyRole | None = Field(None, description="viewer, user, operator or admin")
    weight: float | None = Field(None, gt=0, le=1000, description="Share of the GPUs beside the others' weights")
    limits: LimitsWish | None = Field(
        None, description="Only the limits that are named change; null: that of the role counts again"
    )
    is_disabled: bool | None = Field(None, description="Whether all their keys and sessions are refused")
    note: str | None = Field(None, max_length=200, description="For people")


class KeyRequest(Contract):
    """`POST /v1/keys`. A key may do no more than the key that makes it."""

    person: str | None = Field(
        None, min_length=1, max_length=100, description="Whose; absent: one's own. Others' need the role admin"
    )
    role: AnyRole | None = Field(
        None,
        description="The lesser of this and the person's own counts; absent: what you may, at most the person's own",
    )
    scopes: ScopesWish | None = Field(None, description="Absent: those of the key that you show")
    expires_in_s: int | None = Field(
        None, ge=1, le=MOST_EXPIRY_S, description="Absent: when the key that you show does, else never"
    )
    note: str = Field("", max_length=200, description="For people: what it is for")
