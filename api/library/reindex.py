"""Rebuilds what can be derived: assets from records and from pictures' own words, fingerprints from pixels.

For a database that was lost or put back from an old copy, and for pictures from before there was a library whose records
are gone. What people said (stars, albums, notes) stands in the database alone; nothing here touches it.

A picture says what it was made of, not whose it is: where no record says it either, the person must be named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from api.library import newcomers
from api.library.brought import Brought, Looked, asset_of, look
from api.library.database import Database
from api.library.ingest import Ingest
from api.library.newcomers import NewAsset
from api.library.tables import Asset
from shared.errors import CallersError, Gone, NotFound
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.fingerprints import signed
from shared.pictures.pixels import NO_LIMITS
from shared.redis import keys
from shared.redis.client import redis_errors

AT_ONCE = 200
#: As long as the column; a picture says what it likes.
MAX_JOB_CHARS = 40

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rebuilt:
    """What came of it."""

    from_records: int = 0
    from_pictures: int = 0
    #: Pictures that no record tells the owner of, where none was named.
    without_owner: int = 0
    fingerprints: int = 0


class Reindex:
    """All of it may be done twice without harm. Raises `LibraryUnavailable`, `RedisUnavailable` and what the store raises."""

    def __init__(self, database: Database, store: JobStore, artifacts: ArtifactStore, ingest: Ingest) -> None:
        self._database = database
        self._store = store
        self._artifacts = artifacts
        self._ingest = ingest

    def run(self, owner: str, *, with_expiring: bool = False) -> Rebuilt:
        """Rebuild everything.

        Args:
            owner: of pictures that no record tells the owner of; "": they are left.
            with_expiring: also pictures that nobody keeps.
        """
        from_records = self._records()
        from_pictures, without_owner = self._pictures(owner, with_expiring)
        return Rebuilt(from_records, from_pictures, without_owner, self._fingerprints())

    def _records(self) -> int:
        taken = 0
        for ids in self._job_ids():
            taken += self._ingest.take_in_again([record for record in self._store.get_many(ids) if record is not None])
        return taken

    def _job_ids(self) -> Iterator[list[str]]:
        last = 0
        while True:
            with redis_errors():
                rows = self._store.redis.zrangebyscore(
                    keys.ALL_JOBS, f"({last}", "+inf", start=0, num=AT_ONCE, withscores=True
                )
            if not rows:
                return
            last = int(rows[-1][1])
            yield [text(job_id) for job_id, _ in rows]

    def _pictures(self, owner: str, with_expiring: bool) -> tuple[int, int]:
        with self._database.reading() as session:
            named = set(session.scalars(select(Asset.picture).distinct()))
        left = (each for each in (self._artifacts.ids() if with_expiring else self._artifacts.kept_ids()))
        unnamed = [each for each in left if each not in named]
        if not owner:
            return 0, len(unnamed)
        found = 0
        for start in range(0, len(unnamed), AT_ONCE):
            read = [self._read(picture, owner) for picture in unnamed[start : start + AT_ONCE]]
            found += self._add([each for each in read if each is not None])
        return found, 0

    def _add(self, assets: Sequence[NewAsset]) -> int:
        with self._database.writing() as session:
            newcomers.alone_with_pictures(session)
            missing = self._artifacts.keep([each.picture for each in assets]) if assets else set()
            here = [each for each in assets if each.picture not in missing]
            added = newcomers.add(session, here, self._store.now_ms(), brings_back=False)
        return sum(each.is_new for each in added)

    def _read(self, picture: str, owner: str) -> NewAsset | None:
        """A picture as an asset of this person, by what it says of itself; None where it cannot be read any more."""
        looked = self._look_at(picture)
        if looked is None:
            return None
        data, seen = looked
        asset = asset_of(Brought(data, picture, owner, "import", seen, self._store.now_ms()))
        asset = replace(asset, id=newcomers.content_asset_id(owner, picture))
        if asset.details.get("program") != "darkroom":
            return asset
        return replace(asset, origin="job", kind="generate", job=str(asset.params.get("job", ""))[:MAX_JOB_CHARS])

    def _look_at(self, picture: str) -> tuple[bytes, Looked] | None:
        try:
            data = self._artifacts.get(picture)
            return data, look(data, NO_LIMITS)
        except (NotFound, Gone, CallersError):
            return None

    def _fingerprints(self) -> int:
        """Of assets that came without: their jobs ran before workers computed them."""
        last, done = 0, 0
        while True:
            with self._database.reading() as session:
                rows = session.execute(
                    select(Asset.no, Asset.picture)
                    .where(Asset.no > last, (Asset.thumbhash == "") | Asset.dhash.is_(None))
                    .order_by(Asset.no)
                    .limit(AT_ONCE)
                ).all()
            if not rows:
                return done
            last = rows[-1].no
            looked = [(row.no, self._look_at(row.picture)) for row in rows]
            with self._database.writing() as session:
                for no, found in looked:
                    asset = session.get(Asset, no) if found else None
                    if asset is None or found is None:
                        continue
                    seen = found[1]
                    asset.thumbhash, asset.dhash = seen.prints.thumbhash, signed(seen.prints.dhash)
                    asset.width, asset.height = seen.facts.width, seen.facts.height
                    done += 1
