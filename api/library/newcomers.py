"""What becomes an asset, and how it is written down: once, however often it comes.

A job's picture has an id that follows from job and index; an upload's is drawn. Of the same bytes an owner has one asset:
who brings them again gets that one, out of the trash if need be. An asset that was deleted for good does not come back
by itself.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from api.library import stacks, tags
from api.library.database import lock
from api.library.statements import in_chunks, upsert
from api.library.tables import Asset, AssetParent, AssetText, LoosePicture, Purged
from shared.pictures.fingerprints import signed

#: What whoever adds assets, or frees pictures, is alone with.
PICTURES = "pictures"


@dataclass(frozen=True)
class NewAsset:
    """Everything that is known of a picture when it comes."""

    id: str
    owner: str
    #: An id of the artifact store.
    picture: str
    #: job, upload or import.
    origin: str
    kind: str
    width: int
    height: int
    created_ms: int
    size_bytes: int = 0
    media_type: str = "image/png"
    #: Base64; "": not computed.
    thumbhash: str = ""
    #: 16 hexadecimal digits; "": not computed.
    dhash: str = ""
    job: str = ""
    job_index: int = 0
    batch: str = ""
    stack: str = ""
    model: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    caption: str = ""
    caption_source: str = "auto"
    note: str = ""
    file_name: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    #: Pictures that it was made from.
    parents: tuple[str, ...] = ()
    #: A person's tags.
    tags: tuple[str, ...] = ()
    stars: int = 0
    favourite: bool = False
    visibility: str = "private"
    analysis: str = "none"
    analysis_job: str = ""


@dataclass(frozen=True)
class Added:
    """What became of a newcomer."""

    #: The asset that stands for it; "": it was deleted for good before, and stays so.
    id: str
    is_new: bool = False
    #: It was in the trash.
    is_back: bool = False


def job_asset_id(job_id: str, index: int) -> str:
    """The id of a job's picture: the same whenever it is taken in."""
    return "ast_" + hashlib.sha256(f"{job_id} {index}".encode()).hexdigest()[:24]


def content_asset_id(owner: str, picture: str) -> str:
    """The id of what is found, not sent: the same whenever it is found, so that what was deleted for good stays so."""
    return "ast_" + hashlib.sha256(f"{owner} {picture}".encode()).hexdigest()[:24]


def drawn_asset_id() -> str:
    """A fresh id: 96 random bits."""
    return "ast_" + secrets.token_hex(12)


def month_of(ms: int) -> int:
    """Year × 100 + month, UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.year * 100 + moment.month


def add(session: Session, newcomers: Sequence[NewAsset], now_ms: int, *, brings_back: bool = True) -> list[Added]:
    """Write newcomers down; returns what became of each, in order.

    The bytes must be marked as kept in this same session, after `alone_with_pictures`, so that nobody frees them in between.

    Args:
        brings_back: whether bytes that come again take their asset out of the trash.
    """
    alone_with_pictures(session)
    known = _known(session, newcomers)
    purged = _purged(session, [each.id for each in newcomers])
    answers: list[Added] = []
    fresh: dict[tuple[str, str], NewAsset] = {}
    back: list[int] = []
    for each in newcomers:
        same = known.get((each.owner, each.picture)) or known.get(each.id)
        twin = fresh.get((each.owner, each.picture))
        if twin is not None:
            answers.append(Added(twin.id))
        elif same is not None:
            is_back = brings_back and same.trashed_ms is not None
            back += [same.no] if is_back else []
            answers.append(Added(same.id, is_back=is_back))
        elif each.id in purged:
            answers.append(Added(""))
        else:
            fresh[each.owner, each.picture] = each
            answers.append(Added(each.id, is_new=True))
    _insert(session, list(fresh.values()), now_ms)
    _bring_back(session, back, now_ms)
    return answers


def alone_with_pictures(session: Session) -> None:
    """Nobody else adds assets or frees pictures until this session ends."""
    lock(session, PICTURES)


def _known(session: Session, newcomers: Sequence[NewAsset]) -> dict[Any, Any]:
    """Assets that are there, by owner and picture, and by id."""
    found: dict[Any, Any] = {}
    columns = (Asset.no, Asset.id, Asset.owner, Asset.picture, Asset.trashed_ms)
    for some in in_chunks(newcomers):
        wanted = select(*columns).where(Asset.picture.in_([each.picture for each in some]))
        named = select(*columns).where(Asset.id.in_([each.id for each in some]))
        for row in [*session.execute(wanted), *session.execute(named)]:
            found[row.owner, row.picture] = found[row.id] = row
    return found


def _purged(session: Session, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in in_chunks(ids):
        found |= set(session.scalars(select(Purged.id).where(Purged.id.in_(some))))
    return found


def _insert(session: Session, fresh: Sequence[NewAsset], now_ms: int) -> None:
    if not fresh:
        return
    session.execute(insert(Asset), [_asset_row(each, now_ms) for each in fresh])
    nos: dict[str, int] = {}
    for some in in_chunks(fresh):
        rows = session.execute(select(Asset.id, Asset.no).where(Asset.id.in_([each.id for each in some])))
        nos |= {row.id: row.no for row in rows}
    session.execute(insert(AssetText), [_text_row(each, nos[each.id]) for each in fresh])
    parents = [
        {"asset_no": nos[each.id], "picture": parent} for each in fresh for parent in dict.fromkeys(each.parents)
    ]
    if parents:
        session.execute(upsert(session, AssetParent).on_conflict_do_nothing(), parents)
    for each in fresh:
        if each.tags:
            tags.put(session, [nos[each.id]], each.tags)
    if tagged := [nos[each.id] for each in fresh if each.tags]:
        tags.write_words(session, tagged)
    for pictures in in_chunks([each.picture for each in fresh]):
        session.execute(delete(LoosePicture).where(LoosePicture.picture.in_(pictures)))
    stacks.choose_tops(session, {each.stack for each in fresh})


def _bring_back(session: Session, nos: Sequence[int], now_ms: int) -> None:
    for some in in_chunks(nos):
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some))
            .values(trashed_ms=None, changed_ms=now_ms, version=Asset.version + 1)
            .execution_options(synchronize_session=False)
        )
        stacks.choose_tops(session, set(session.scalars(select(Asset.stack).where(Asset.no.in_(some)).distinct())))


def _asset_row(new: NewAsset, now_ms: int) -> dict[str, Any]:
    same = ("id", "owner", "picture", "origin", "kind", "job", "job_index", "batch", "stack", "seed", "steps")
    more = ("guidance_scale", "width", "height", "size_bytes", "media_type", "thumbhash", "stars", "favourite")
    return {name: getattr(new, name) for name in (*same, *more, "visibility", "analysis", "created_ms")} | {
        "model": new.model[:128],
        "scheduler": new.scheduler[:64],
        "dhash": signed(new.dhash) if new.dhash else None,
        "has_caption": bool(new.caption),
        "has_parent": bool(new.parents),
        "month": month_of(new.created_ms),
        "changed_ms": now_ms,
        "on_top": not new.stack,
        "nsfw": None,
        "trashed_ms": None,
        "version": 1,
    }


def _text_row(new: NewAsset, no: int) -> dict[str, Any]:
    same = ("prompt", "negative_prompt", "caption", "caption_source", "note", "file_name", "analysis_job")
    return {name: getattr(new, name) for name in same} | {
        "asset_no": no,
        "tags": "",
        "params": dict(new.params),
        "details": dict(new.details),
        "analysis_reason": "",
    }
