"""Which assets a request means: its query as the library's one filter, and who looks."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.library.filters import AssetFilter, Scope, Viewer
from api.library.terms import joined, read_rules
from api.requests.parsing import validated_json
from api.services.auth import current_caller
from shared.contracts.access import Role

#: Longest `filter` of a query; a longer one is sent as a saved search.
MAX_FILTER_CHARS = 20_000
#: Of a search box in an address; those beyond `query.MAX_CHARS` are refused with the place.
MAX_SEARCH_CHARS = 10_000
_TEXT = r"^[^\x00]*$"


def viewer() -> Viewer:
    """Who sent this request, as the library sees them."""
    caller = current_caller()
    return Viewer(caller.person, sees_all=caller.may(Role.OPERATOR))


class FilterQuery(BaseModel):
    """A filter in a query: each field with one value; everything else an `AssetFilter` can say goes into `filter`."""

    model_config = ConfigDict(extra="forbid")

    scope: Scope | Literal[""] = Field(
        "", description="mine, rack, shared or all; absent: mine, with album or owner: all"
    )
    owner: str = Field("", max_length=300, pattern=_TEXT)
    kind: str = Field("", max_length=300, pattern=_TEXT)
    origin: Literal["", "job", "upload", "import"] = ""
    model: str = Field("", max_length=300, pattern=_TEXT)
    scheduler: str = Field("", max_length=300, pattern=_TEXT)
    tag: str = Field("", max_length=300, pattern=_TEXT)
    album: str = Field("", max_length=300, pattern=_TEXT, description="By id or by name")
    visibility: Literal["", "private", "rack"] = ""
    analysis: Literal["", "none", "waiting", "running", "done", "failed"] = ""
    stars_min: int | None = Field(None, ge=0, le=5)
    stars_max: int | None = Field(None, ge=0, le=5)
    favourite: bool | None = None
    nsfw_min: float | None = Field(None, ge=0, le=1)
    nsfw_max: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=0, le=2**63 - 1)
    steps_min: int | None = Field(None, ge=0, le=2**31 - 1)
    steps_max: int | None = Field(None, ge=0, le=2**31 - 1)
    width_min: int | None = Field(None, ge=0, le=2**31 - 1)
    width_max: int | None = Field(None, ge=0, le=2**31 - 1)
    height_min: int | None = Field(None, ge=0, le=2**31 - 1)
    height_max: int | None = Field(None, ge=0, le=2**31 - 1)
    after: str = Field("", max_length=40, pattern=_TEXT, description="A day (UTC) or a moment, ISO 8601")
    before: str = Field("", max_length=40, pattern=_TEXT)
    month: int | None = Field(None, ge=1970_01, le=9999_12, description="Year × 100 + month: 202611")
    job: str = Field("", max_length=40, pattern=_TEXT)
    batch: str = Field("", max_length=40, pattern=_TEXT)
    stack: str = Field("", max_length=40, pattern=_TEXT)
    picture: str = Field("", max_length=40, pattern=_TEXT)
    parent: str = Field("", pattern="^(ast_[0-9a-f]{24})?$")
    has_caption: bool | None = None
    has_parent: bool | None = None
    trashed: bool = False
    filter: str = Field(
        "", max_length=MAX_FILTER_CHARS, pattern=_TEXT, description="An `AssetFilter` as JSON; all of it must hold too"
    )
    q: str = Field(
        "",
        max_length=MAX_SEARCH_CHARS,
        description="The search box: words, phrases, -word, tag:, stars:>=4 and the like",
    )
    stacked: bool = Field(False, description="One tile a stack: its best")

    def wanted(self) -> AssetFilter:
        """The filter it says, the search box too.

        Raises:
            MalformedRequest, InvalidRequest: `filter` is no JSON or no filter, or a time is none; the box cannot be read.
        """
        return joined(read_rules(self.q), self.beside_the_box())

    def beside_the_box(self) -> AssetFilter:
        """The filter it says, the search box aside. Raises as `wanted` does."""
        said = _said(self)
        if not self.filter:
            return _checked(said)
        given = validated_json(AssetFilter, self.filter)
        scope = said.pop("scope", given.scope)
        is_trashed = said.pop("trashed", given.trashed)
        also = (*given.also, _checked(said)) if said else given.also
        return _checked(
            given.model_dump(mode="json", exclude_defaults=True)
            | {"also": [each.model_dump(mode="json", exclude_defaults=True) for each in also]}
            | {"scope": scope, "trashed": is_trashed}
        )


#: What is no field of a filter by itself.
NO_FIELDS = frozenset({"filter", "stacked", "q"})
#: Of a query's fields, those that are lists in a filter.
_LISTS = ("owner", "kind", "origin", "model", "scheduler", "tag", "album", "analysis")


def _said(query: FilterQuery) -> dict[str, Any]:
    names = (name for name in FilterQuery.model_fields if name not in NO_FIELDS)
    found = {name: getattr(query, name) for name in names}
    said = {name: value for name, value in found.items() if value not in ("", None) and value is not False}
    # False is something to say of a fact, and the default of the trash.
    said |= {name: False for name in ("favourite", "has_caption", "has_parent") if found[name] is False}
    return {name: [value] if name in _LISTS else value for name, value in said.items()}


def _checked(said: dict[str, Any]) -> AssetFilter:
    return validated_json(AssetFilter, json.dumps(said))
