"""Assets for tests of the library, put into its tables as they are."""

import itertools
from typing import Any

from sqlalchemy.orm import Session

from api.library.tables import Asset, AssetTag, AssetText, Tag

_NUMBERS = itertools.count(1)
#: Fields of an asset's words; all others are its row's.
WORDS = ("caption", "prompt", "negative_prompt", "note", "tags")


def put(session: Session, owner: str = "ada", **fields: Any) -> Asset:
    """One more asset; `tags` is a tuple of names."""
    number = next(_NUMBERS)
    tags = fields.pop("tags", ())
    words = {name: fields.pop(name) for name in WORDS if name in fields}
    made = {
        "id": f"ast_{number:024x}", "owner": owner, "picture": f"{number:040x}", "origin": "job", "kind": "generate",
        "job": "", "width": 64, "height": 64, "created_ms": 1_790_000_000_000 + number, "month": 202609, "changed_ms": 0,
        "has_caption": bool(words.get("caption")),
    }  # fmt: skip
    asset = Asset(**made | fields)
    session.add(asset)
    session.flush()
    session.add(AssetText(asset_no=asset.no, tags="\n".join(tags), **words))
    for name in tags:
        tag = session.query(Tag).filter_by(name=name).one_or_none() or Tag(name=name)
        session.add(tag)
        session.flush()
        session.add(AssetTag(tag_no=tag.no, asset_no=asset.no, source="user"))
    session.flush()
    return asset
