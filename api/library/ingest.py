"""Takes what ended jobs leave into the library: each once, whatever dies in between.

The script that ends a job adds its id to a stream in Redis (`move.lua`). One API process at a time reads on from a
*position*, and commits it together with the assets; only then is the stream trimmed, and only up to there. So a crash
before the commit reads the same entries again, and one behind it reads none of them again. Assets of a job have ids that
follow from it, so even an entry that is read twice makes nothing twice.

Before the first entry, and once, every record that is still there is taken in: pictures from before there was a library.
A record whose contents raise something unexpected is logged and passed over; `darkroom reindex` looks at it again.
"""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from api.library import analyses, newcomers, prompts
from api.library.database import Database
from api.library.job_assets import Left, left_by
from api.library.newcomers import NewAsset
from api.library.tables import Position
from shared.contracts.jobs import JobRecord
from shared.errors import InvalidRequest, LibraryUnavailable
from shared.jobs.codec import text
from shared.jobs.store import JobStore
from shared.log import logger
from shared.pictures.artifact_store import ArtifactStore
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

#: Rows of `positions`: the stream's last entry that was taken in; how far old records are.
STREAM, OLD_RECORDS = "ended", "old records"
START, DONE = "0-0", "done"
#: Entries, and old records, of one transaction.
AT_ONCE = 200
#: Entries that are counted for the status; beyond, it is this many or more.
MOST_COUNTED = 10_000


class Ingest:
    """The library's reader of ended jobs. Every method raises `RedisUnavailable` or `LibraryUnavailable` where one of the two
    is away; nothing is half done then, and asking again goes on."""

    def __init__(self, database: Database, store: JobStore, artifacts: ArtifactStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._artifacts = artifacts
        self._settings = settings

    def look(self) -> int:
        """Take in what has ended since the last look, up to `AT_ONCE` jobs; returns how many."""
        position = self._position(STREAM)
        # A stream that is behind it is a new one: Redis came back without its memory.
        start = START if not position or self._is_ahead_of_stream(position) else position
        with redis_errors():
            entries = self._store.redis.xrange(keys.ENDED, min=f"({start}", count=AT_ONCE)
        if not entries:
            return 0
        ids = [text(fields.get(b"id", b"")) for _, fields in entries]
        last = text(entries[-1][0])
        self._take_in(self._lefts(ids), lambda session: self._move_on(session, STREAM, position, last))
        self._trim(last)
        return len(entries)

    def look_at_old_records(self) -> int:
        """Take in records from before there was a library, up to `AT_ONCE`; returns how many were looked at."""
        position = self._position(OLD_RECORDS)
        if position == DONE:
            return 0
        ids, last = self._records_after(float(position or 0))
        lefts = [left for left in self._lefts(ids, is_old=True) if left.assets or left.findings]
        following = str(last) if ids else DONE
        self._take_in(lefts, lambda session: self._move_on(session, OLD_RECORDS, position, following), is_old=True)
        return len(ids)

    def waiting(self) -> int | None:
        """Ended jobs that were not taken in yet; None while the database is away."""
        try:
            position = self._position(STREAM)
        except (LibraryUnavailable, InvalidRequest):
            return None
        start = START if not position or self._is_ahead_of_stream(position) else position
        with redis_errors():
            return len(self._store.redis.xrange(keys.ENDED, min=f"({start}", count=MOST_COUNTED))

    def take_in_again(self, records: Sequence[JobRecord]) -> int:
        """Take in records whatever the position is (`darkroom reindex`); returns how many assets are new."""
        return self._take_in([self._left(record) for record in records], lambda session: True, is_old=True)

    def _take_in(self, lefts: Sequence[Left], move_on: Callable[[Session], bool], *, is_old: bool = False) -> int:
        """One transaction: assets, prompts, findings and the position. How many assets are new."""
        now_ms = self._store.now_ms()
        with self._database.writing() as session:
            newcomers.alone_with_pictures(session)
            if not move_on(session):
                session.rollback()
                return 0
            assets = self._kept([asset for left in lefts for asset in left.assets])
            added = newcomers.add(session, assets, now_ms, brings_back=False)
            prompts.remember(session, [left.prompt for left in lefts if left.prompt], counts=not is_old)
            enriched = sum(analyses.take_in(session, left, now_ms) for left in lefts)
        fresh = sum(each.is_new for each in added)
        if fresh or enriched:
            logger().info("library.took_in", assets=fresh, enriched=enriched, jobs=len(lefts))
        return fresh

    def _kept(self, assets: list[NewAsset]) -> list[NewAsset]:
        """Those whose bytes are here, marked as kept."""
        missing = self._artifacts.keep([asset.picture for asset in assets]) if assets else set()
        if missing:
            logger().warning("library.pictures_missing", count=len(missing), first=min(missing))
            self._artifacts.let_go(sorted(missing))
        return [asset for asset in assets if asset.picture not in missing]

    def _lefts(self, job_ids: Sequence[str], *, is_old: bool = False) -> list[Left]:
        records = self._store.get_many(job_ids)
        gone = [job_id for job_id, record in zip(job_ids, records, strict=True) if record is None]
        if gone and not is_old:
            logger().warning("library.records_missing", count=len(gone), first=gone[0])
        return [self._left(record) for record in records if record is not None]

    def _left(self, record: JobRecord) -> Left:
        try:
            return left_by(record, keeps_by_default=self._settings.keep)
        except Exception as exc:  # one odd record must not keep all others out
            logger().error("library.record_not_read", job=record.id, exc_info=exc)
            return Left(record=record)

    # -- positions ---------------------------------------------------------------------------------------------------

    def _position(self, name: str) -> str:
        with self._database.reading() as session:
            row = session.get(Position, name)
            return row.value if row else ""

    @staticmethod
    def _move_on(session: Session, name: str, before: str, after: str) -> bool:
        """Write the position; False where another process moved it meanwhile."""
        row = session.get(Position, name, with_for_update=True)
        if row is None:
            session.add(Position(name=name, value=after))
            session.flush()
            return not before
        if row.value != before:
            return False
        row.value = after
        return True

    def _is_ahead_of_stream(self, position: str) -> bool:
        with redis_errors():
            if not self._store.redis.exists(keys.ENDED):
                return False
            last = text(self._store.redis.xinfo_stream(keys.ENDED)["last-generated-id"])
        return _is_before(last, position)

    def _trim(self, position: str) -> None:
        with redis_errors():
            self._store.redis.xtrim(keys.ENDED, minid=position, approximate=False)

    def _records_after(self, order: float) -> tuple[list[str], int]:
        with redis_errors():
            rows = self._store.redis.zrangebyscore(
                keys.ALL_JOBS, f"({order:.0f}", "+inf", start=0, num=AT_ONCE, withscores=True
            )
        return [text(job_id) for job_id, _ in rows], int(rows[-1][1]) if rows else 0


def _is_before(one: str, other: str) -> bool:
    return _parts(one) < _parts(other)


def _parts(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds or 0), int(number or 0)
