"""Taking a change of many assets back: what nobody has changed since is put back as it was."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from api.library import albums, tags
from api.library.changing import UNDO_MS, count_captions, mark_changed
from api.library.filters import Viewer
from api.library.statements import in_chunks
from api.library.tables import AlbumItem, Asset, AssetTag, AssetText, Undo
from shared.errors import Gone, NotFound


def undo(session: Session, token: str, viewer: Viewer, now_ms: int) -> int:
    """Take a change back, once; returns how many assets are as they were.

    Raises:
        NotFound: no such token, or not this viewer's. Gone: its ten minutes are over.
    """
    row = session.get(Undo, token, with_for_update=True)
    if row is None or row.owner != viewer.person:
        raise NotFound(f"there is nothing to undo by {token}: it was used, or never given")
    if row.expires_ms < now_ms:
        raise Gone(f"{token} has expired: a change can be taken back for {UNDO_MS // 60_000} minutes")
    touched: set[int] = set()
    for name, value, after, nos in row.before["fields"]:
        touched |= _put_back(session, Asset, Asset.no, name, value, after, nos)
    for name, value, after, nos in row.before["texts"]:
        touched |= _put_back(session, AssetText, AssetText.asset_no, name, value, after, nos)
    touched |= _put_back_tags(session, row.before["tags"]) | _put_back_albums(session, row.before["albums"])
    session.delete(row)
    mark_changed(session, sorted(touched), now_ms)
    return len(touched)


def _put_back(
    session: Session, table: Any, key: Any, name: str, value: Any, after: Any, nos: Sequence[int]
) -> set[int]:
    column, put_back = getattr(table, name), set[int]()
    for some in in_chunks(nos):
        is_as_left = key.in_(some) & column.is_not_distinct_from(after)
        put_back |= set(session.scalars(select(key).where(is_as_left)))
        session.execute(
            update(table).where(is_as_left).values({name: value}).execution_options(synchronize_session=False)
        )
    if name == "caption":
        count_captions(session, sorted(put_back))
    return put_back


def _put_back_tags(session: Session, rows: Sequence[Any]) -> set[int]:
    touched: set[int] = set()
    for tag_no, source, is_off, nos in rows:
        for some in in_chunks(nos):
            is_it = (AssetTag.tag_no == tag_no) & AssetTag.asset_no.in_(some)
            touched |= set(session.scalars(select(AssetTag.asset_no).where(is_it)))
            if source is None:
                session.execute(delete(AssetTag).where(is_it).execution_options(synchronize_session=False))
            else:
                session.execute(
                    update(AssetTag)
                    .where(is_it)
                    .values(source=source, is_off=is_off)
                    .execution_options(synchronize_session=False)
                )
    tags.write_words(session, sorted(touched))
    return touched


def _put_back_albums(session: Session, rows: Sequence[Any]) -> set[int]:
    there = albums.still_there(session, {row[0] for row in rows}, {row[1] for row in rows})
    for album_no, no, position, _, _ in rows:
        if position is None:
            session.execute(delete(AlbumItem).where(AlbumItem.album_no == album_no, AlbumItem.asset_no == no))
    back = [
        {"album_no": a, "asset_no": no, "position": position, "added_by": by, "added_ms": ms}
        for a, no, position, by, ms in rows
        if position is not None and (a, no) in there
    ]
    if back:
        session.execute(insert(AlbumItem), back)
    return {row[1] for row in rows}
