"""What the library says of pictures that something is to be made of: their words, model and seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from api.library.filters import Viewer, may_see
from api.library.statements import in_chunks
from api.library.tables import Asset, AssetText


@dataclass(frozen=True)
class Source:
    """A picture, and what made it as far as that is known."""

    picture: str
    name: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    caption: str = ""
    model: str = ""
    seed: int | None = None

    @property
    def words(self) -> str:
        """What it shows: its prompt, else its caption."""
        return self.prompt.strip() or self.caption.strip()


def sources_of(session: Session, ids: Sequence[str], viewer: Viewer) -> dict[str, Source]:
    """By the ids that were asked for, of assets or of pictures: what this viewer may see and is not in the trash.

    A picture that several assets have is the viewer's own one, then the oldest.
    """
    found: dict[str, Source] = {}
    for some in in_chunks([each for each in ids if each.startswith("ast_")]):
        found |= {asset.id: _source(asset, text) for asset, text in _rows(session, Asset.id, some, viewer)}
    for some in in_chunks([each for each in ids if each.startswith("img_")]):
        for asset, text in _rows(session, Asset.picture, some, viewer):
            found.setdefault(asset.picture, _source(asset, text))
    return found


def _rows(session: Session, column: Any, values: Sequence[str], viewer: Viewer) -> Iterable[tuple[Asset, AssetText]]:
    asked = (
        select(Asset, AssetText)
        .join(AssetText, AssetText.asset_no == Asset.no)
        .where(column.in_(values), may_see(viewer), Asset.trashed_ms.is_(None))
        .order_by(case((Asset.owner == viewer.person, 0), else_=1), Asset.created_ms, Asset.no)
    )
    return [(row[0], row[1]) for row in session.execute(asked)]


def _source(asset: Asset, text: AssetText) -> Source:
    return Source(
        picture=asset.picture,
        name=text.file_name or asset.id,
        prompt=text.prompt,
        negative_prompt=text.negative_prompt,
        caption=text.caption,
        model=asset.model,
        seed=asset.seed,
    )
