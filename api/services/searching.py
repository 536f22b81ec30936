"""A search of the library, carried out: what the box says, what it means, and what is found of it for who asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.library import assets, search
from api.library.albums import expanded
from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.search import Asked, Hit, Meaning
from api.library.terms import Wanted, joined
from api.library.vectors import Vectors, vectors_of
from api.services.query_vectors import QueryVectors
from shared.models.catalogue import Catalogue


@dataclass(frozen=True)
class Found:
    """What a search found, best first."""

    hits: list[Hit]
    filter: AssetFilter
    #: Whether meaning was asked too.
    is_semantic: bool
    #: Of `like`, those that nobody has looked at yet.
    not_looked_at: tuple[str, ...] = ()


class Searching:
    """The search of one API process."""

    def __init__(self, database: Database, catalogue: Catalogue, queries: QueryVectors) -> None:
        self._database = database
        self._catalogue = catalogue
        self._queries = queries
        self._vectors: Vectors | None = None

    def find(self, wanted: Wanted, beside: AssetFilter, viewer: Viewer, *, is_stacked: bool = False) -> Found:
        """What is found.

        Args:
            beside: a filter beside the box; both hold.

        Raises:
            NotFound, Gone: an asset to be like is not there for this viewer.
            InvalidRequest: box and filter together are more than one filter may say.
            LibraryUnavailable.
        """
        meanings = self._meanings(wanted)
        whole = joined(wanted.filter, beside)
        with self._database.reading() as session:
            likes = [assets.one(session, asset_id, viewer) for asset_id in wanted.like]
            asked = Asked(
                filter=expanded(session, whole.model_copy(update={"words": beside.words}), viewer),
                viewer=viewer,
                words=wanted.query.words,
                meanings=tuple(meanings),
                like=tuple(asset.no for asset in likes),
                is_stacked=is_stacked,
            )
            hits = search.find(session, asked, self._vectors_of(session), self._catalogue)
            unseen = [each.id for each in likes if not search.has_looks(session, each.no, self._catalogue)]
        return Found(hits, whole, bool(meanings), tuple(unseen))

    def similar(self, asset_id: str, viewer: Viewer, most: int) -> Found:
        """What looks like an asset, of all that the viewer may see. Raises as `find`."""
        whole = AssetFilter(scope="all")
        with self._database.reading() as session:
            asset = assets.one(session, asset_id, viewer)
            hits = search.similar(
                session, asset.no, self._vectors_of(session), self._catalogue, conditions(whole, viewer), most
            )
            is_seen = search.has_looks(session, asset.no, self._catalogue)
        return Found(hits, whole, False, () if is_seen else (asset_id,))

    def _meanings(self, wanted: Wanted) -> Sequence[Meaning]:
        """Asked before the database is: nobody should hold a connection while a worker thinks. Where all words must be there
        as they stand, their meaning would add nothing."""
        if all(words.is_quoted or words.is_negated for words in wanted.query.words):
            return ()
        return [
            Meaning(each.space, each.vector, each.card.encoding.least)
            for each in self._queries.of(wanted.query.said)
            if each.card.encoding is not None and each.card.encoding.least is not None
        ]

    def _vectors_of(self, session: Session) -> Vectors:
        if self._vectors is None:
            self._vectors = vectors_of(self._database, session)
        return self._vectors
