"""What an export is of: which assets, and everything that is known of each, read a few at a time.

An export lasts as long as its reader takes, so nothing stays open between two looks at the database: the numbers are read
once, and each look sees what is there by then. What was deleted meanwhile is left out.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library import assets
from api.library.albums import expanded
from api.library.changing import Chosen
from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions, may_see
from api.library.statements import in_chunks
from api.library.tables import Asset
from api.library.views import AssetView

#: Assets read in one look.
AT_ONCE = 50


def numbers_of(session: Session, which: Chosen, viewer: Viewer) -> list[int]:
    """Numbers of the assets that are meant, of all that the viewer may see; the newest first, or as they are named.

    Raises:
        NotFound, Gone: an id that is not there for this viewer. InvalidRequest: as `albums.expanded`.
    """
    if which.filter is not None:
        return fitting(session, which.filter, viewer)
    ids = list(dict.fromkeys(which.ids or ()))
    nos: dict[str, int] = {}
    for some in in_chunks(ids):
        seen = select(Asset.id, Asset.no).where(Asset.id.in_(some), may_see(viewer), Asset.trashed_ms.is_(None))
        nos |= dict(session.execute(seen).tuples().all())
    # What is in the trash, or not there, is looked at one by one, so that each answers as it does elsewhere.
    return [nos[each] if each in nos else assets.one(session, each, viewer).no for each in ids]


def fitting(session: Session, wanted: AssetFilter, viewer: Viewer, *, stacked: bool = False) -> list[int]:
    """The same of a filter. Raises as `numbers_of`.

    Args:
        stacked: of each stack its best alone.
    """
    tops = [Asset.on_top.is_(True)] if stacked else []
    holds = [*conditions(expanded(session, wanted, viewer), viewer), *tops]
    return list(session.scalars(select(Asset.no).where(*holds).order_by(Asset.created_ms.desc(), Asset.no.desc())))


def everything_of(database: Database, nos: Sequence[int], viewer: Viewer) -> Iterator[AssetView]:
    """Each asset whole, in this order, as far as it is still there for the viewer.

    Raises:
        LibraryUnavailable: the database went away in between.
    """
    for some in in_chunks(nos, AT_ONCE):
        with database.reading() as session:
            found = {row.no: row for row in session.scalars(select(Asset).where(Asset.no.in_(some), may_see(viewer)))}
            views = [assets.whole(session, found[no], viewer) for no in some if no in found]
        yield from views
