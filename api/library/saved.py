"""What a person saves to use again: searches, presets, the prompts they sent. Each is its owner's alone.

Names are unique per person (presets: per kind of job too); saving under a name that is taken is refused, so that nothing
is written over by accident.
"""

import json
import secrets
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, field_validator
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.library.filters import AssetFilter
from api.library.tables import Preset, Prompt, SavedSearch
from shared.contracts.base import Contract
from shared.contracts.jobs import iso
from shared.contracts.kinds import Kind
from shared.errors import AlreadyExists, InvalidRequest, NotFound

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: Of one person; and bytes of a preset's parameters.
MAX_SAVED, MAX_PARAMS_BYTES = 1000, 65_536


class NewSearch(Contract):
    """`POST /v1/searches`."""

    name: Name
    q: str = Field("", max_length=1000, pattern=r"^[^\x00]*$", description="As in the search box")
    filter: AssetFilter = AssetFilter()


class SearchChange(Contract):
    """`PATCH /v1/searches/{search_id}`; what is left out stays."""

    name: Name | None = None
    q: str | None = Field(None, max_length=1000, pattern=r"^[^\x00]*$")
    filter: AssetFilter | None = None


class SearchView(BaseModel):
    """A saved search."""

    id: str
    name: str
    q: str
    filter: dict[str, Any]
    created_at: str
    changed_at: str


class SearchList(BaseModel):
    """All saved searches, by name."""

    searches: list[SearchView]


class NewPreset(Contract):
    """`POST /v1/presets`."""

    name: Name
    kind: Kind = "generate"
    params: dict[str, Any] = Field(description=f"Fields of a form, up to {MAX_PARAMS_BYTES:,} bytes as JSON")
    is_default: bool = Field(False, description="Taken where nothing else is chosen; one of each kind")

    @field_validator("params")
    @classmethod
    def _is_no_larger(cls, params: dict[str, Any]) -> dict[str, Any]:
        return _no_larger(params)


class PresetChange(Contract):
    """`PATCH /v1/presets/{preset_id}`; what is left out stays."""

    name: Name | None = None
    params: dict[str, Any] | None = None
    is_default: bool | None = None

    @field_validator("params")
    @classmethod
    def _is_no_larger(cls, params: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if params is None else _no_larger(params)


class PresetView(BaseModel):
    """Parameters with a name."""

    id: str
    kind: str
    name: str
    params: dict[str, Any]
    is_default: bool
    created_at: str
    changed_at: str


class PresetList(BaseModel):
    """All presets, by kind and name."""

    presets: list[PresetView]


class PromptView(BaseModel):
    """A prompt that was sent."""

    id: str
    prompt: str
    negative_prompt: str
    model: str
    uses: int
    first_used_at: str
    last_used_at: str


class PromptList(BaseModel):
    """Prompts, the last used first."""

    prompts: list[PromptView]
    next_cursor: str | None = Field(description="Ask with this cursor for the next page; null: there is none")


def searches_of(session: Session, person: str) -> SearchList:
    """All that a person saved, by name."""
    mine = select(SavedSearch).where(SavedSearch.owner == person).order_by(SavedSearch.name)
    return SearchList(searches=[search_view(row) for row in session.scalars(mine)])


def make_search(session: Session, wanted: NewSearch, owner: str, now_ms: int) -> SavedSearch:
    """Save a search.

    Raises:
        AlreadyExists: its name is taken. InvalidRequest: there are too many.
    """
    _check_room(session, SavedSearch, owner)
    row = SavedSearch(
        id="sea_" + secrets.token_hex(12),
        owner=owner,
        name=wanted.name,
        q=wanted.q,
        filter=_stored(wanted.filter),
        created_ms=now_ms,
        changed_ms=now_ms,
    )
    session.add(row)
    _flush(session, wanted.name)
    return row


def change_search(session: Session, row: SavedSearch, wanted: SearchChange, now_ms: int) -> None:
    """Raises: AlreadyExists: its new name is taken."""
    row.name = row.name if wanted.name is None else wanted.name
    row.q = row.q if wanted.q is None else wanted.q
    row.filter = row.filter if wanted.filter is None else _stored(wanted.filter)
    row.changed_ms = now_ms
    _flush(session, row.name)


def presets_of(session: Session, person: str) -> PresetList:
    """All that a person saved, by kind and name."""
    mine = select(Preset).where(Preset.owner == person).order_by(Preset.kind, Preset.name)
    return PresetList(presets=[preset_view(row) for row in session.scalars(mine)])


def make_preset(session: Session, wanted: NewPreset, owner: str, now_ms: int) -> Preset:
    """Save parameters.

    Raises:
        AlreadyExists: its name is taken. InvalidRequest: there are too many.
    """
    _check_room(session, Preset, owner)
    if wanted.is_default:
        _no_default(session, owner, wanted.kind)
    row = Preset(
        id="pre_" + secrets.token_hex(12),
        owner=owner,
        kind=wanted.kind,
        name=wanted.name,
        params=wanted.params,
        is_default=wanted.is_default,
        created_ms=now_ms,
        changed_ms=now_ms,
    )
    session.add(row)
    _flush(session, wanted.name)
    return row


def change_preset(session: Session, row: Preset, wanted: PresetChange, now_ms: int) -> None:
    """Raises: AlreadyExists: its new name is taken."""
    if wanted.is_default:
        _no_default(session, row.owner, row.kind)
    row.name = row.name if wanted.name is None else wanted.name
    row.params = row.params if wanted.params is None else wanted.params
    row.is_default = row.is_default if wanted.is_default is None else wanted.is_default
    row.changed_ms = now_ms
    _flush(session, row.name)


def found(session: Session, table: Any, row_id: str, owner: str, what: str) -> Any:
    """A person's own row.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = session.scalars(select(table).where(table.id == row_id, table.owner == owner)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {what} {row_id}")
    return row


def prompts_page(session: Session, owner: str, limit: int, cursor: str = "", words: str = "") -> PromptList:
    """A person's prompts.

    Args:
        words: only those that have this text in them, however it is written.
    """
    listed = select(Prompt).where(Prompt.owner == owner)
    if words:
        listed = listed.where(func.lower(Prompt.prompt).contains(words.lower(), autoescape=True))
    if cursor:
        last_ms, no = (int(part) for part in cursor.split("_"))
        listed = listed.where((Prompt.last_ms < last_ms) | ((Prompt.last_ms == last_ms) & (Prompt.no < no)))
    rows = session.scalars(listed.order_by(Prompt.last_ms.desc(), Prompt.no.desc()).limit(limit)).all()
    following = f"{rows[-1].last_ms}_{rows[-1].no}" if len(rows) == limit else None
    return PromptList(prompts=[prompt_view(row) for row in rows], next_cursor=following)


def search_view(row: SavedSearch) -> SearchView:
    """As callers see it."""
    same = {name: getattr(row, name) for name in ("id", "name", "q", "filter")}
    return SearchView(**same, created_at=iso(row.created_ms) or "", changed_at=iso(row.changed_ms) or "")


def preset_view(row: Preset) -> PresetView:
    """As callers see it."""
    same = {name: getattr(row, name) for name in ("id", "kind", "name", "params", "is_default")}
    return PresetView(**same, created_at=iso(row.created_ms) or "", changed_at=iso(row.changed_ms) or "")


def prompt_view(row: Prompt) -> PromptView:
    """As callers see it."""
    same = {name: getattr(row, name) for name in ("id", "prompt", "negative_prompt", "model", "uses")}
    return PromptView(**same, first_used_at=iso(row.first_ms) or "", last_used_at=iso(row.last_ms) or "")


def _check_room(session: Session, table: Any, owner: str) -> None:
    count = session.scalar(select(func.count()).select_from(table).where(table.owner == owner)) or 0
    if count >= MAX_SAVED:
        raise InvalidRequest(f"you have saved {count:,} already, the limit is {MAX_SAVED:,}; delete some")


def _no_default(session: Session, owner: str, kind: str) -> None:
    session.execute(update(Preset).where(Preset.owner == owner, Preset.kind == kind).values(is_default=False))


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as exc:
        raise AlreadyExists(f"the name {name!r} is taken; choose another, or change that one", field="name") from exc


def _stored(wanted: AssetFilter) -> dict[str, Any]:
    return wanted.model_dump(mode="json", exclude_defaults=True)


def _no_larger(params: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(params))
    if size > MAX_PARAMS_BYTES:
        raise ValueError(f"at most {MAX_PARAMS_BYTES:,} bytes as JSON, got {size:,}")
    return params
