"""People, keys and the audit stream as answers. A secret is in exactly one of them: that of the request which made it."""

from flask import Response
from pydantic import BaseModel, Field

from api.services.auth import Caller
from shared.accounts.key_text import KeyText
from shared.accounts.roles import Defaults, effective_limits
from shared.contracts.access import Key, Limits, Person, Role, Scopes
from shared.contracts.audit import AuditEntry
from shared.contracts.jobs import iso
from shared.contracts.usage import Usage


class PersonView(BaseModel):
    """Somebody who owns things here."""

    name: str = Field(description="The id; it never changes")
    role: Role
    weight: float = Field(description="Share of the GPUs beside the others' weights")
    limits: Limits = Field(description="Their own; null: that of the role counts")
    effective_limits: Limits = Field(description="What counts: their own, else the role's; null: no limit")
    is_disabled: bool = Field(description="Whether all their keys and sessions are refused")
    created_at: str | None
    note: str


class PersonList(BaseModel):
    """People by name."""

    people: list[PersonView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for the next ones; null: there are none")


class KeyView(BaseModel):
    """One way in, without its secret."""

    id: str = Field(description="The eight characters after `dr_`")
    person: str
    role: Role | None = Field(description="The lesser of this and the person's own counts; null: the person's own")
    scopes: Scopes = Field(description="What it is narrowed to")
    created_at: str | None
    last_used_at: str | None = Field(description="To the minute; null: never")
    expires_at: str | None = Field(description="Null: never")
    is_revoked: bool
    note: str


class NewKey(KeyView):
    """A key with its secret, which is shown this once."""

    key: str = Field(description="Keep it: nobody can show it again")


class KeyList(BaseModel):
    """Keys that are not revoked, newest first."""

    keys: list[KeyView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older ones; null: there are none")


class Me(BaseModel):
    """Who one is here, and what one may do."""

    person: str
    role: Role = Field(description="What counts: the lesser of the person's and the key's")
    scopes: Scopes = Field(description="What the key is narrowed to")
    weight: float = Field(description="Share of the GPUs beside the others' weights")
    limits: Limits = Field(description="What one may use; null: no limit")
    key_id: str | None = Field(description="Of the key that was shown; null: none was, or one of the environment")
    key_expires_at: str | None = Field(description="Null: never")
    paused: bool = Field(description="Whether no job of one's own starts until that is ended")
    usage: Usage = Field(description="What one has used of each limit, and what is left")


class AuditRow(AuditEntry):
    """One deed, with its time for people."""

    at: str | None


class AuditList(BaseModel):
    """Deeds, newest first."""

    entries: list[AuditRow]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older ones; null: there are none")


def person_view(person: Person, role_limits: Defaults) -> PersonView:
    """A person as administrators see them."""
    return PersonView(
        **person.model_dump(exclude={"created_at_ms"}),
        effective_limits=effective_limits(person.limits, person.role, role_limits),
        created_at=iso(person.created_at_ms),
    )


def key_view(key: Key) -> KeyView:
    """A key as its person sees it."""
    return KeyView(**_shown(key))


def new_key(key: Key, text: KeyText) -> NewKey:
    """A key as it is shown once."""
    return NewKey(**_shown(key), key=str(text))


def me(caller: Caller, usage: Usage, *, is_paused: bool) -> Me:
    """Who asks."""
    return Me(
        person=caller.person,
        role=caller.role,
        scopes=caller.scopes,
        weight=caller.weight,
        limits=caller.limits,
        key_id=caller.key_id or None,
        key_expires_at=iso(caller.expires_at_ms),
        paused=is_paused,
        usage=usage,
    )


def audit_row(entry: AuditEntry) -> AuditRow:
    """A deed as administrators see it."""
    return AuditRow(**entry.model_dump(), at=iso(entry.at_ms))


def answer(body: BaseModel, status: int = 200, **headers: str) -> Response:
    """Nobody between may keep any of it."""
    response = Response(body.model_dump_json(), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers)
    return response


def _shown(key: Key) -> dict[str, object]:
    times = {"created_at": key.created_at_ms, "last_used_at": key.last_used_at_ms, "expires_at": key.expires_at_ms}
    own = key.model_dump(exclude={f"{name}_ms" for name in times})
    return own | {name: iso(ms) for name, ms in times.items()}
