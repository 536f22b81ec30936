"""A picture that somebody brings from outside becomes an asset of theirs: once, and with all that it says of itself.

Two halves. `asset_of` is pure and slow (it reads what other programs wrote into the file), so it runs before any database is
asked; `take_in` is quick and runs alone with everybody else who adds assets. The bytes are in the store by then: a database
that is away leaves them there as inputs, which expire like any other.

The same bytes of the same owner are the asset that is there: it comes back out of the trash, gets the tags and albums that
are asked for, and keeps everything else as it was.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.library import newcomers, tags, xmp
from api.library.importing import infotext
from api.library.importing.foreign import foreign_fields
from api.library.newcomers import Added, NewAsset, drawn_asset_id
from api.library.statements import in_chunks
from api.library.tables import Asset, Purged
from api.library.xmp import Described
from shared.errors import ArtifactStoreDown
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.fingerprints import Fingerprints, fingerprints
from shared.pictures.pixels import PictureFacts, PictureLimits, decode, inspect

#: As long as the column.
MAX_NAME_CHARS = 255
MAX_CAPTION_CHARS = 10_000
#: SQL's largest number of steps; what a file says beyond stays in its parameters.
_MAX_STEPS = 2**31 - 1
_NO_NAME = ("", ".", "..")
NOTHING = Described()


@dataclass(frozen=True)
class Looked:
    """A picture that was decoded whole: what it is, and what it looks like."""

    facts: PictureFacts
    prints: Fingerprints


@dataclass(frozen=True)
class Brought:
    """A picture from outside, stored already, and all that is known of it."""

    data: bytes
    #: Its id in the artifact store.
    picture: str
    owner: str
    origin: Literal["upload", "import"]
    looked: Looked
    #: When it came, or when its file was written: ms since 1970.
    created_ms: int
    #: As it was sent; `clean_name` makes a name of it.
    file_name: str = ""
    #: What a file beside it says; of parameters the picture's own word comes first.
    beside: Described = NOTHING
    #: A person's tags, as `tags.checked` gives them.
    tags: tuple[str, ...] = ()
    visibility: Literal["private", "rack"] = "private"
    #: Of the asset, if it is new; "": drawn.
    asset_id: str = ""


def look(data: bytes, limits: PictureLimits, claimed_type: str | None = None) -> Looked:
    """Decode a picture whole, once: whether it can be, and what it looks like. About 10 ms at 512 × 512.

    Raises:
        TooLarge, UnsupportedMedia, BadPicture: as `pixels.decode`.
    """
    facts = inspect(data, limits, claimed_type=claimed_type)
    return Looked(facts, fingerprints(decode(data, limits, claimed_type=claimed_type)))


def asset_of(brought: Brought) -> NewAsset:
    """Everything that is written down of it. Pure; nothing in a file can make this fail."""
    said = foreign_fields(brought.data)
    fields: dict[str, Any] = dict(said.fields)
    if not fields and brought.beside.parameters:
        fields = infotext.read(brought.beside.parameters) or {}
    inside = xmp.read(said.xmp) if said.xmp else NOTHING
    caption = tidy(brought.beside.caption or inside.caption or "")[:MAX_CAPTION_CHARS]
    facts, prints = brought.looked.facts, brought.looked.prints
    steps = fields.get("steps")
    return NewAsset(
        id=brought.asset_id or drawn_asset_id(),
        owner=brought.owner,
        picture=brought.picture,
        origin=brought.origin,
        kind=brought.origin,
        width=facts.width,
        height=facts.height,
        created_ms=brought.created_ms,
        size_bytes=len(brought.data),
        media_type=facts.media_type,
        thumbhash=prints.thumbhash,
        dhash=prints.dhash,
        model=str(fields.get("model", "")),
        seed=fields.get("seed"),
        steps=steps if steps is not None and steps <= _MAX_STEPS else None,
        guidance_scale=fields.get("guidance_scale"),
        scheduler=str(fields.get("scheduler", "")),
        prompt=str(fields.get("prompt", "")),
        negative_prompt=str(fields.get("negative_prompt", "")),
        caption=caption,
        caption_source="user" if caption else "auto",
        file_name=clean_name(brought.file_name),
        params=fields,
        details={"program": said.program} if said.program else {},
        tags=_tags((*brought.tags, *brought.beside.tags, *inside.tags)),
        stars=brought.beside.stars or inside.stars,
        visibility=brought.visibility,
    )


def take_in(
    session: Session, artifacts: ArtifactStore, assets: Sequence[NewAsset], now_ms: int, *, brings_back: bool = True
) -> list[Added]:
    """Mark the pictures as kept and write the assets down; returns what became of each, in order.

    Tags of one that is there already are put on it, too.

    Args:
        brings_back: whether bytes that come again take their asset out of the trash.

    Raises:
        ArtifactStoreDown: a picture is not in the store (any more); nothing is written down.
        ArtifactStoreFull: as `ArtifactStore.keep`.
    """
    newcomers.alone_with_pictures(session)
    missing = artifacts.keep([asset.picture for asset in assets]) if assets else set()
    if missing:
        artifacts.let_go(sorted(missing))
        raise ArtifactStoreDown(f"picture {sorted(missing)[0]} is not in the store any more; send it again")
    added = newcomers.add(session, assets, now_ms, brings_back=brings_back)
    _tag_those_that_were_there(session, assets, added, now_ms)
    return added


def numbers(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Assets' ids → their numbers."""
    found: dict[str, int] = {}
    for some in in_chunks(ids):
        found |= {row.id: row.no for row in session.execute(select(Asset.id, Asset.no).where(Asset.id.in_(some)))}
    return found


def known_pictures(session: Session, owner: str, pictures: Sequence[str]) -> dict[str, str]:
    """Those of the pictures that are assets of this owner already, in the trash or not → the asset's id."""
    found: dict[str, str] = {}
    for some in in_chunks(pictures):
        rows = session.execute(select(Asset.picture, Asset.id).where(Asset.owner == owner, Asset.picture.in_(some)))
        found |= {row.picture: row.id for row in rows}
    return found


def was_deleted(session: Session, asset_id: str) -> bool:
    """Whether an asset of this id was deleted for good."""
    return session.get(Purged, asset_id) is not None


def clean_name(name: str) -> str:
    """A file's name without folders and without what is no text, cut to the column with its ending kept."""
    last = re.split(r"[/\\]", tidy(name).replace("\n", " ").replace("\t", " "))[-1].strip()
    if last in _NO_NAME:
        return ""
    if len(last) <= MAX_NAME_CHARS:
        return last
    stem, dot, ending = last.rpartition(".")
    tail = dot + ending if stem and len(ending) <= 10 else ""
    return last[: MAX_NAME_CHARS - len(tail)] + tail


def tidy(text: str) -> str:
    """Text as both databases take it: no NUL, no other control characters, no halves of surrogate pairs."""
    kept = "".join(char for char in text if char in "\n\t" or (ord(char) >= 32 and ord(char) != 127))
    return kept.encode(errors="replace").decode().strip()


def _tags(names: Sequence[str]) -> tuple[str, ...]:
    """Those that can be tags; a file may say what it likes."""
    found = dict.fromkeys(tags.tag_name(tidy(name)) for name in names)
    return tuple(name for name in found if 0 < len(name) <= tags.MAX_CHARS)[: tags.MAX_TAGS]


def _tag_those_that_were_there(
    session: Session, assets: Sequence[NewAsset], added: Sequence[Added], now_ms: int
) -> None:
    wanted = {
        each.id: asset.tags
        for asset, each in zip(assets, added, strict=True)
        if each.id and not each.is_new and asset.tags
    }
    nos = numbers(session, list(wanted))
    for asset_id, names in wanted.items():
        tags.put(session, [nos[asset_id]], names)
    tags.write_words(session, sorted(nos.values()))
    for some in in_chunks(sorted(nos.values())):
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some))
            .values(changed_ms=now_ms, version=Asset.version + 1)
            .execution_options(synchronize_session=False)
        )
