"""Changing many assets at once.

A change is said once for all assets it is for, named by id or by filter. What they were before is kept for ten minutes
under a token (`undoing`). All of a change happens, or none of it.
"""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.library import albums, stacks, tags
from api.library.filters import MAX_IDS, AssetFilter, AssetId, Text, Viewer, Visibility, conditions, may_change
from api.library.statements import in_chunks
from api.library.tables import Asset, AssetTag, AssetText, Purged, Tag, Undo
from shared.contracts.base import Contract
from shared.contracts.jobs import iso
from shared.errors import Gone, InvalidRequest, NotFound

#: How long a change can be taken back.
UNDO_MS = 600_000
MAX_NOTE_CHARS = 10_000

Words = Annotated[str, Field(max_length=MAX_NOTE_CHARS, pattern=r"^[^\x00]*$")]
TagNames = Annotated[tuple[Text, ...], Field(max_length=tags.MAX_TAGS)]


class Changes(Contract):
    """What shall be different; what is left out stays."""

    stars: int | None = Field(None, ge=0, le=5)
    favourite: bool | None = None
    visibility: Visibility | None = Field(None, description="rack: everybody who is signed in may see it")
    trashed: bool | None = Field(None, description="true: into the trash, for 30 days; false: out of it")
    note: Words | None = None
    caption: Words | None = Field(None, description="A person's word: no analysis overwrites it")
    add_tags: TagNames = ()
    remove_tags: TagNames = Field((), description="No analysis brings them back")
    add_to_album: albums.AlbumId | None = None
    remove_from_album: albums.AlbumId | None = None


class Chosen(Contract):
    """Which assets: by id, or by filter."""

    ids: Annotated[tuple[AssetId, ...], Field(min_length=1, max_length=MAX_IDS)] | None = None
    filter: AssetFilter | None = Field(None, description="Of your own assets; `scope` and `owner` are the operators'")

    @model_validator(mode="after")
    def _one_way(self) -> "Chosen":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give exactly one of ids and filter")
        return self


class BulkChange(Chosen):
    """`PATCH /v1/assets`."""

    changes: Changes


class Changed(BaseModel):
    """What became of a bulk change."""

    matched: int = Field(description="Assets it was said for")
    changed: int = Field(description="Those that are different now")
    undo: str | None = Field(description="Takes it back: POST /v1/assets/undo; null: nothing has changed")
    undo_expires_at: str | None


#: What assets were, so that it can be put back; grouped by value, for a change of 10,000 assets mostly has few.
Before = dict[str, Any]


def chosen(session: Session, which: Chosen, viewer: Viewer) -> list[int]:
    """The numbers of the assets that are meant.

    Raises:
        NotFound: an id that is not there, or not the viewer's to change; nothing is done then. Gone: deleted for good.
    """
    if which.filter is not None:
        holds = [*conditions(albums.expanded(session, which.filter, viewer), viewer), may_change(viewer)]
        return list(session.scalars(select(Asset.no).where(*holds).order_by(Asset.created_ms.desc(), Asset.no.desc())))
    ids = list(dict.fromkeys(which.ids or ()))
    nos: dict[str, int] = {}
    for some in in_chunks(ids):
        rows = session.execute(select(Asset.id, Asset.no).where(Asset.id.in_(some), may_change(viewer)))
        nos |= {row.id: row.no for row in rows}
    if missing := [each for each in ids if each not in nos]:
        _refuse(session, missing, viewer)
    return [nos[each] for each in ids]


def change(session: Session, nos: Sequence[int], wanted: Changes, viewer: Viewer, now_ms: int) -> Changed:
    """Change these assets.

    Raises:
        NotFound: no such album. InvalidRequest: a tag's name, or nothing to change.
    """
    if not wanted.model_fields_set:
        raise InvalidRequest("changes: say what shall be different", field="changes")
    before: Before = {"fields": [], "texts": [], "tags": [], "albums": []}
    touched: set[int] = set()
    for name, value in _columns(wanted, now_ms).items():
        touched |= _set_column(session, nos, name, value, before)
    touched |= _set_texts(session, nos, wanted, before)
    touched |= _set_tags(session, nos, wanted, before)
    touched |= _set_albums(session, nos, wanted, viewer, now_ms, before)
    mark_changed(session, sorted(touched), now_ms)
    if not touched:
        return Changed(matched=len(nos), changed=0, undo=None, undo_expires_at=None)
    token, expires_ms = "und_" + secrets.token_hex(16), now_ms + UNDO_MS
    session.add(Undo(token=token, owner=viewer.person, expires_ms=expires_ms, before=before))
    return Changed(matched=len(nos), changed=len(touched), undo=token, undo_expires_at=iso(expires_ms))


def _refuse(session: Session, missing: Sequence[str], viewer: Viewer) -> None:
    purged = session.execute(select(Purged.id, Purged.owner).where(Purged.id.in_(missing[:1000]))).all()
    gone = [row.id for row in purged if row.owner == viewer.person or viewer.sees_all]
    more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
    if missing[0] in gone:
        raise Gone(f"asset {missing[0]} was deleted for good{more}")
    raise NotFound(f"there is no asset {missing[0]}{more}", field="ids")


def _columns(wanted: Changes, now_ms: int) -> dict[str, Any]:
    said = {name: getattr(wanted, name) for name in ("stars", "favourite", "visibility")}
    found = {name: value for name, value in said.items() if value is not None}
    if wanted.trashed is not None:
        found["trashed_ms"] = now_ms if wanted.trashed else None
    return found


def _set_column(session: Session, nos: Sequence[int], name: str, value: Any, before: Before) -> set[int]:
    column = getattr(Asset, name)
    # What is in the trash already stays as long as it was to stay.
    differs = column.is_(None) if name == "trashed_ms" and value is not None else column.is_distinct_from(value)
    was: dict[Any, list[int]] = defaultdict(list)
    for some in in_chunks(nos):
        for no, old in session.execute(select(Asset.no, column).where(Asset.no.in_(some), differs)):
            was[old].append(no)
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some), differs)
            .values({name: value})
            .execution_options(synchronize_session=False)
        )
    before["fields"] += [[name, old, value, changed] for old, changed in was.items()]
    return {no for changed in was.values() for no in changed}


def _set_texts(session: Session, nos: Sequence[int], wanted: Changes, before: Before) -> set[int]:
    said: dict[str, Any] = {}
    if wanted.note is not None:
        said["note"] = wanted.note
    if wanted.caption is not None:
        said |= {"caption": wanted.caption, "caption_source": "user"}
    touched: set[int] = set()
    for name, value in said.items():
        column = getattr(AssetText, name)
        was: dict[Any, list[int]] = defaultdict(list)
        for some in in_chunks(nos):
            differs = AssetText.asset_no.in_(some) & (column != value)
            for no, old in session.execute(select(AssetText.asset_no, column).where(differs)):
                was[old].append(no)
            session.execute(
                update(AssetText).where(differs).values({name: value}).execution_options(synchronize_session=False)
            )
        before["texts"] += [[name, old, value, changed] for old, changed in was.items()]
        touched |= {no for changed in was.values() for no in changed}
    if wanted.caption is not None:
        count_captions(session, sorted(touched))
    return touched


def count_captions(session: Session, nos: Sequence[int]) -> None:
    """Write down of these assets whether they have a caption now."""
    for some in in_chunks(nos):
        has_words = select(AssetText.caption != "").where(AssetText.asset_no == Asset.no).scalar_subquery()
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some))
            .values(has_caption=has_words)
            .execution_options(synchronize_session=False)
        )


def _set_tags(session: Session, nos: Sequence[int], wanted: Changes, before: Before) -> set[int]:
    add = tags.checked(wanted.add_tags, field="add_tags")
    remove = tags.checked(wanted.remove_tags, field="remove_tags")
    if both := set(add) & set(remove):
        raise InvalidRequest(f"remove_tags: {sorted(both)[0]!r} is in add_tags too", field="remove_tags")
    touched: set[int] = set()
    for name, no in tags.numbers_of(session, add).items():
        touched |= _remember_tag(session, nos, no, before, is_added=True)
        tags.put(session, nos, [name])
    known = session.execute(select(Tag.name, Tag.no).where(Tag.name.in_(remove))).all()
    for row in known:
        touched |= _remember_tag(session, nos, row.no, before, is_added=False)
        tags.take_away(session, nos, [row.name])
    tags.write_words(session, sorted(touched))
    return touched


def _remember_tag(session: Session, nos: Sequence[int], tag_no: int, before: Before, *, is_added: bool) -> set[int]:
    """Note the rows that a change of one tag is about to change; returns their assets."""
    was: dict[tuple[str, bool] | None, list[int]] = defaultdict(list)
    for some in in_chunks(nos):
        rows = session.execute(
            select(AssetTag.asset_no, AssetTag.source, AssetTag.is_off).where(
                AssetTag.tag_no == tag_no, AssetTag.asset_no.in_(some)
            )
        ).all()
        for row in rows:
            if not (row.source == "user" and row.is_off is not is_added):
                was[row.source, row.is_off].append(row.asset_no)
        if is_added:
            was[None] += sorted(set(some) - {row.asset_no for row in rows})
    before["tags"] += [[tag_no, *(old or (None, None)), changed] for old, changed in was.items() if changed]
    return {no for changed in was.values() for no in changed}


def _set_albums(
    session: Session, nos: Sequence[int], wanted: Changes, viewer: Viewer, now_ms: int, before: Before
) -> set[int]:
    touched: set[int] = set()
    if wanted.add_to_album is not None:
        album = albums.to_add_to(session, wanted.add_to_album, viewer)
        added = albums.add(session, album, nos, viewer, now_ms)
        before["albums"] += [[album.no, no, None, "", 0] for no in added]
        touched |= set(added)
    if wanted.remove_from_album is not None:
        album = albums.to_add_to(session, wanted.remove_from_album, viewer)
        removed = albums.remove(session, album, nos, viewer, now_ms)
        before["albums"] += [[album.no, row.asset_no, row.position, row.added_by, row.added_ms] for row in removed]
        touched |= {row.asset_no for row in removed}
    return touched


def mark_changed(session: Session, nos: Sequence[int], now_ms: int) -> None:
    """These assets have changed: their versions count on, and their stacks choose their tops anew."""
    for some in in_chunks(nos):
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some))
            .values(changed_ms=now_ms, version=Asset.version + 1)
            .execution_options(synchronize_session=False)
        )
        stacks.choose_tops(session, set(session.scalars(select(Asset.stack).where(Asset.no.in_(some)).distinct())))
