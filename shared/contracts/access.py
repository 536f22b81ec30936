"""Who may do what: roles, what a key is narrowed to, what a person may use. Data only.

A *person* owns jobs, batches, pictures and everything else; a *key* is one way in that a person has. Rotating or revoking a
key changes nothing about what the person owns. A person's name is its id: it stands in records as `caller`, and never
changes.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.contracts.base import Frozen, Priority

#: What a new person may be called. Names of `DARKROOM_API_KEYS` and addresses in old records may look otherwise.
PERSON_PATTERN = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
PersonName = Annotated[str, StringConstraints(pattern=PERSON_PATTERN)]

#: Of any limit: beyond, nobody means a number.
MOST = 10**12

#: Whoever calls from this machine where no keys are set: the one local administrator.
LOCAL = "local"


class Role(StrEnum):
    """What a person may do; each may all that those before it may."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role includes the one that is needed."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Facade(StrEnum):
    """A way in: our own routes, or those that speak another service's language."""

    NATIVE = "native"
    OPENAI = "openai"


class Scopes(Frozen):
    """What one key is narrowed to. Empty and None: everything its person may."""

    models: tuple[str, ...] = Field((), description="Only these models")
    kinds: tuple[str, ...] = Field((), description="Only these kinds of job, e.g. generate, analyze")
    max_pixels: int | None = Field(None, ge=1, description="Largest picture asked for, in pixels (width × height)")
    max_n: int | None = Field(None, ge=1, description="Most pictures of one job")
    highest_priority: Priority | None = Field(None, description="Nothing more urgent than this")
    facades: tuple[Facade, ...] = Field((), description="Only these ways in: native, openai")


class Limits(Frozen):
    """What a person may use. None: no limit."""

    requests_per_s: float | None = Field(
        None, gt=0, le=MOST, allow_inf_nan=False, description="Requests a second, bursts of ten seconds' worth aside"
    )
    unfinished_jobs: int | None = Field(None, ge=0, le=MOST, description="Jobs waiting, queued and running at once")
    gpu_s_per_day: float | None = Field(None, ge=0, le=MOST, allow_inf_nan=False, description="GPU-seconds a day (UTC)")
    stored_mib: int | None = Field(None, ge=0, le=MOST, description="MiB of pictures kept")
    batch_members: int | None = Field(None, ge=0, le=MOST, description="Members of one batch")


class Person(Frozen):
    """Somebody who owns things here."""

    name: str = Field(description="The id; it never changes")
    role: Role = Role.USER
    weight: float = Field(
        1.0, gt=0, le=1000, allow_inf_nan=False, description="Share of the GPUs beside the others' weights"
    )
    limits: Limits = Field(Limits(), description="Where a field is null, the default of the role counts")
    is_disabled: bool = Field(False, description="Whether all its keys and sessions are refused")
    created_at_ms: int = 0
    note: str = Field("", max_length=200)


class Key(Frozen):
    """One way in. Its secret is shown once and never stored: `digest` is the SHA-256 of it, hex."""

    id: str = Field(description="The eight characters after `dr_`")
    person: str
    digest: str = Field(exclude=True, repr=False)
    #: None: the person's own role; else the lesser of the two counts.
    role: Role | None = None
    scopes: Scopes = Scopes()
    created_at_ms: int = 0
    last_used_at_ms: int = 0
    expires_at_ms: int = Field(0, description="0: never")
    is_revoked: bool = False
    note: str = Field("", max_length=200)
