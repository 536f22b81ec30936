"""Which assets: the one filter that lists, bulk changes, rule albums, exports and the search box share, and its SQL.

An `AssetFilter` is what a request says; everything in it must hold at once. `conditions` makes SQL of it for one viewer,
and adds what that viewer may see, so that no caller of it can forget to ask.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator
from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select, true
from sqlalchemy.orm import aliased

from api.library.query import BadQuery, words_in
from api.library.tables import Album, AlbumItem, AlbumShare, Asset, AssetParent, AssetTag, Tag
from api.library.text_index import holds
from shared.contracts.base import Contract

#: Most ids one filter names, and most values of any other list.
MAX_IDS, MAX_VALUES = 10_000, 100
#: How deep filters nest, and how many one may hold: SQLite's own limits are 1,000 levels and 32,766 values.
MAX_DEPTH, MAX_NESTED, MAX_ALL_VALUES = 4, 100, 20_000
ASSET_ID_PATTERN = "^ast_[0-9a-f]{24}$"
ALBUM_ID_PATTERN = "^alb_[0-9a-f]{24}$"

AssetId = Annotated[str, StringConstraints(pattern=ASSET_ID_PATTERN)]
#: Text that both databases take: NUL is no character there.
Text = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
Origin = Literal["job", "upload", "import"]
Visibility = Literal["private", "rack"]
Analysis = Literal["none", "waiting", "running", "done", "failed"]
Scope = Literal["mine", "rack", "shared", "all"]


def _moment(value: Any) -> Any:
    """A day alone means its first moment in UTC, and so does a time without a zone."""
    if isinstance(value, str) and len(value) == len("2026-11-01"):
        value = datetime.combine(date.fromisoformat(value), datetime.min.time())
    elif isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Several = Annotated[tuple[Text, ...], Field(max_length=MAX_VALUES)]


class AssetFilter(Contract):
    """Which assets. Everything that is said must hold; of a list any value will do, but for `tag` and `also`,
    where all must."""

    ids: Annotated[tuple[AssetId, ...], Field(max_length=MAX_IDS)] = ()
    scope: Scope | None = Field(
        None,
        description="mine, rack (what everybody may see), shared (albums shared with you), or all of these. "
        "Absent: mine; with album or owner: all",
    )
    owner: Several = Field((), description="Persons")
    kind: Several = Field((), description="What made it: generate, …, upload, import")
    origin: Annotated[tuple[Origin, ...], Field(max_length=3)] = ()
    model: Several = ()
    scheduler: Several = ()
    tag: Several = Field((), description="All of these tags")
    any_tag: Several = Field((), description="Any of these tags")
    album: Several = Field((), description="Albums by id or by name")
    visibility: Visibility | None = None
    analysis: Annotated[tuple[Analysis, ...], Field(max_length=5)] = ()
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
    after: Moment | None = Field(None, description="Made at or after: a day (UTC) or a moment, ISO 8601")
    before: Moment | None = Field(None, description="Made before")
    month: int | None = Field(None, ge=1970_01, le=9999_12, description="Year × 100 + month, UTC: 202611")
    job: Text | None = None
    batch: Text | None = None
    stack: Text | None = None
    picture: Text | None = Field(None, description="The id of its bytes")
    parent: AssetId | None = Field(None, description="Made from this asset's picture")
    has_caption: bool | None = None
    has_parent: bool | None = None
    words: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")] | None = Field(
        None,
        description='Words of caption, tags, prompt and note, as in the search box: all of them, "as a phrase", -not',
    )
    trashed: bool = Field(False, description="True: what is in the trash, and nothing else")
    also: Annotated[tuple["AssetFilter", ...], Field(max_length=MAX_VALUES)] = Field(
        (), description="All of these must hold too; what they say of scope and trash does not count"
    )
    without: Annotated[tuple["AssetFilter", ...], Field(max_length=MAX_VALUES)] = Field(
        (), description="None of these may hold; what they say of scope and trash does not count"
    )

    @property
    def inner(self) -> tuple["AssetFilter", ...]:
        return self.also + self.without

    @property
    def depth(self) -> int:
        """1 where nothing is nested in it."""
        return 1 + max((each.depth for each in self.inner), default=0)

    @field_validator("words")
    @classmethod
    def _can_be_read(cls, words: str | None) -> str | None:
        try:
            words_in(words or "")
        except BadQuery as exc:
            raise ValueError(exc.message) from exc
        return words

    @model_validator(mode="after")
    def _is_no_larger_than_sql_takes(self) -> "AssetFilter":
        if self.depth > MAX_DEPTH:
            raise ValueError(f"filters nest at most {MAX_DEPTH} deep")
        everything = list(_everything_in(self))
        if len(everything) > MAX_NESTED:
            raise ValueError(f"at most {MAX_NESTED} filters in one, got {len(everything)}")
        values = sum(len(value) for each in everything for _, value in each if isinstance(value, tuple))
        if values > MAX_ALL_VALUES:
            raise ValueError(f"at most {MAX_ALL_VALUES:,} values in one filter, got {values:,}")
        return self


def _everything_in(wanted: AssetFilter) -> Iterator[AssetFilter]:
    yield wanted
    for each in wanted.inner:
        yield from _everything_in(each)


@dataclass(frozen=True)
class Viewer:
    """Who looks."""

    person: str
    #: Operators and administrators.
    sees_all: bool = False


#: Filter fields that are one of several values of a column.
_ANY_OF: dict[str, Any] = {
    "ids": Asset.id,
    "owner": Asset.owner,
    "kind": Asset.kind,
    "origin": Asset.origin,
    "model": Asset.model,
    "scheduler": Asset.scheduler,
    "analysis": Asset.analysis,
}
#: Filter fields that are a column's value.
_IS: dict[str, Any] = {
    "visibility": Asset.visibility,
    "favourite": Asset.favourite,
    "seed": Asset.seed,
    "month": Asset.month,
    "job": Asset.job,
    "batch": Asset.batch,
    "stack": Asset.stack,
    "picture": Asset.picture,
    "has_caption": Asset.has_caption,
    "has_parent": Asset.has_parent,
}
#: Columns with a least and a greatest value: `<name>_min`, `<name>_max`.
_BETWEEN: dict[str, Any] = {
    "stars": Asset.stars,
    "nsfw": Asset.nsfw,
    "steps": Asset.steps,
    "width": Asset.width,
    "height": Asset.height,
}


def conditions(wanted: AssetFilter, viewer: Viewer) -> list[ColumnElement[bool]]:
    """What must hold of an `Asset` row: what was asked, and what the viewer may see.

    Rule albums are not looked into here: `albums.expanded` replaces them beforehand.
    """
    in_trash = Asset.trashed_ms.is_not(None) if wanted.trashed else Asset.trashed_ms.is_(None)
    return [*_seen(wanted, viewer), in_trash, *_asked(wanted, viewer)]


def may_see(viewer: Viewer) -> ColumnElement[bool]:
    """Everything that a viewer may see: theirs, what the whole rack may see, and what is in albums they are in."""
    if viewer.sees_all:
        return true()
    # Asked of rows that something narrower names; else SQLite would collect everything that each of the three lets through.
    return as_value([or_(Asset.owner == viewer.person, Asset.visibility == "rack", _in_shared_album(viewer))])


def as_value(must_hold: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Conditions as a value that each row has: true or false, and never what SQLite looks rows up by."""
    return func.coalesce(and_(true(), *must_hold), false())


def may_change(viewer: Viewer) -> ColumnElement[bool]:
    """What a viewer may change: theirs; operators everything."""
    return true() if viewer.sees_all else Asset.owner == viewer.person


def albums_seen_by(viewer: Viewer) -> ColumnElement[bool]:
    """Which `Album` rows a viewer may see: their own and those shared with them; operators all."""
    if viewer.sees_all:
        return true()
    shared = select(AlbumShare.album_no).where(AlbumShare.person == viewer.person)
    return or_(Album.owner == viewer.person, Album.no.in_(shared))


def _seen(wanted: AssetFilter, viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    scope = wanted.scope or ("all" if wanted.album or wanted.owner else "mine")
    if scope == "mine":
        yield Asset.owner == viewer.person
    elif scope == "rack":
        yield Asset.visibility == "rack"
    elif scope == "shared":
        yield Asset.owner != viewer.person
        yield _in_shared_album(viewer)
    elif not viewer.sees_all:
        yield may_see(viewer)


def _in_shared_album(viewer: Viewer) -> ColumnElement[bool]:
    """In an album that is shared with the viewer, or one of theirs that others add to."""
    shared = select(AlbumShare.album_no).where(AlbumShare.person == viewer.person)
    own = select(Album.no).where(Album.owner == viewer.person)
    items = select(AlbumItem.asset_no).where(or_(AlbumItem.album_no.in_(shared), AlbumItem.album_no.in_(own)))
    return Asset.no.in_(items)


def _asked(wanted: AssetFilter, viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    for name, column in _ANY_OF.items():
        if values := getattr(wanted, name):
            yield column.in_(values)
    for name, column in _IS.items():
        if (value := getattr(wanted, name)) is not None:
            yield column == value
    for name, column in _BETWEEN.items():
        if (least := getattr(wanted, f"{name}_min")) is not None:
            yield column >= least
        if (most := getattr(wanted, f"{name}_max")) is not None:
            yield column <= most
    if wanted.after is not None:
        yield Asset.created_ms >= milliseconds(wanted.after)
    if wanted.before is not None:
        yield Asset.created_ms < milliseconds(wanted.before)
    if wanted.words is not None:
        yield from holds(words_in(wanted.words))
    yield from (_has_tag((name,)) for name in wanted.tag)
    if wanted.any_tag:
        yield _has_tag(wanted.any_tag)
    if wanted.album:
        yield _in_album(wanted.album, viewer)
    if wanted.parent is not None:
        yield _made_from(wanted.parent)
    for other in wanted.also:
        yield from _asked(other, viewer)
    for other in wanted.without:
        # A value that is not there (NULL) is not the value that is unwanted.
        yield not_(as_value(list(_asked(other, viewer))))


def _has_tag(names: tuple[str, ...]) -> ColumnElement[bool]:
    """Any of these."""
    numbers = select(Tag.no).where(Tag.name.in_([tag_name(name) for name in names]))
    return Asset.no.in_(select(AssetTag.asset_no).where(AssetTag.tag_no.in_(numbers), AssetTag.is_off.is_(False)))


def _in_album(names: tuple[str, ...], viewer: Viewer) -> ColumnElement[bool]:
    named = or_(Album.id.in_(names), func.lower(Album.name).in_([name.lower() for name in names]))
    albums = select(Album.no).where(named, albums_seen_by(viewer))
    return Asset.no.in_(select(AlbumItem.asset_no).where(AlbumItem.album_no.in_(albums)))


def _made_from(parent_id: str) -> ColumnElement[bool]:
    parent = aliased(Asset)
    pictures = select(parent.picture).where(parent.id == parent_id)
    return Asset.no.in_(select(AssetParent.asset_no).where(AssetParent.picture.in_(pictures)))


def tag_name(text: str) -> str:
    """A tag as it is stored: lower case, single spaces."""
    return " ".join(text.casefold().split())


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)
