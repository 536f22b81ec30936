"""Where an asset comes from, and what became of it: both ways along the pictures that assets were made from."""

from collections.abc import Callable, Collection

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library.assets import rows_of
from api.library.filters import Viewer, may_see
from api.library.tables import Asset, AssetParent
from api.library.views import AssetRow

#: Steps that are followed, and assets that are told, each way.
MAX_STEPS, MAX_ASSETS = 50, 500


class Step(BaseModel):
    """One picture made from another."""

    parent: str
    child: str


class Lineage(BaseModel):
    """An asset among those it came from and those that came from it, as far as you may see them."""

    id: str
    ancestors: list[AssetRow] = Field(description="The nearest first")
    descendants: list[AssetRow] = Field(description="The nearest first")
    steps: list[Step]
    is_cut: bool = Field(description=f"Whether there is more than {MAX_STEPS} steps or {MAX_ASSETS} assets one way")


def lineage(session: Session, asset: Asset, viewer: Viewer) -> Lineage:
    """Both ways from one asset."""
    up, up_steps, is_cut_above = _follow(asset, lambda nos: _parents(session, nos, viewer))
    down, down_steps, is_cut_below = _follow(asset, lambda nos: _children(session, nos, viewer))
    ids = {each.no: each.id for each in (asset, *up, *down)}
    steps = {(ids[parent], ids[child]) for parent, child in (*up_steps, *down_steps) if {parent, child} <= ids.keys()}
    return Lineage(
        id=asset.id,
        ancestors=rows_of(session, up),
        descendants=rows_of(session, down),
        steps=[Step(parent=parent, child=child) for parent, child in sorted(steps)],
        is_cut=is_cut_above or is_cut_below,
    )


#: (the asset found, the parent's number, the child's number)
_Found = list[tuple[Asset, int, int]]


def _follow(start: Asset, look: Callable[[Collection[int]], _Found]) -> tuple[list[Asset], set[tuple[int, int]], bool]:
    """Breadth first; a circle (a picture made from itself in the end) ends where it began."""
    known, found, steps = {start.no}, list[Asset](), set[tuple[int, int]]()
    edge: Collection[int] = [start.no]
    for _ in range(MAX_STEPS):
        if not edge:
            return found, steps, False
        following = dict[int, Asset]()
        for asset, parent, child in look(edge):
            steps.add((parent, child))
            if asset.no not in known:
                following[asset.no] = asset
        room = MAX_ASSETS - len(found)
        found += list(following.values())[:room]
        if len(following) > room:
            return found, steps, True
        known |= following.keys()
        edge = list(following)
    return found, steps, bool(edge)


def _parents(session: Session, nos: Collection[int], viewer: Viewer) -> _Found:
    rows = session.execute(
        select(Asset, AssetParent.asset_no)
        .join(AssetParent, AssetParent.picture == Asset.picture)
        .where(AssetParent.asset_no.in_(nos), may_see(viewer), Asset.trashed_ms.is_(None))
        .order_by(Asset.created_ms.desc(), Asset.no)
        .limit(MAX_ASSETS + 1)
    )
    return [(asset, asset.no, child) for asset, child in rows]


def _children(session: Session, nos: Collection[int], viewer: Viewer) -> _Found:
    pictures = dict(session.execute(select(Asset.picture, Asset.no).where(Asset.no.in_(nos))).tuples().all())
    rows = session.execute(
        select(Asset, AssetParent.picture)
        .join(AssetParent, AssetParent.asset_no == Asset.no)
        .where(AssetParent.picture.in_(pictures), may_see(viewer), Asset.trashed_ms.is_(None))
        .order_by(Asset.created_ms, Asset.no)
        .limit(MAX_ASSETS + 1)
    )
    return [(asset, pictures[picture], asset.no) for asset, picture in rows]
