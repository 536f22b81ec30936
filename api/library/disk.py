"""Tells how much room is left for pictures, and when it will be used up: only the library knows what stays."""

from sqlalchemy import func, select

from api.library.database import Database
from api.library.tables import Asset
from shared.jobs.store import JobStore
from shared.pictures.pixels import MIB
from shared.pictures.room import WINDOW_DAYS, free_and_total_mib, report, write_report
from shared.settings import Settings

DAY_MS = 86_400_000


class DiskReports:
    """Writes the report that the status and the doctor read."""

    def __init__(self, database: Database, store: JobStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._settings = settings

    def write(self) -> None:
        """Look, and write it down.

        Raises:
            LibraryUnavailable, RedisUnavailable, OSError: the old one stays, until it is too old.
        """
        room = free_and_total_mib(self._settings, self._store.redis)
        if room is None:
            return
        now_ms = self._store.now_ms()
        with self._database.reading() as session:
            # A picture of several persons is stored once.
            once = select(
                Asset.picture, func.max(Asset.size_bytes).label("bytes"), func.min(Asset.created_ms).label("ms")
            )
            pictures = once.group_by(Asset.picture).subquery()
            kept, first_ms = session.execute(
                select(func.coalesce(func.sum(pictures.c.bytes), 0), func.min(pictures.c.ms))
            ).one()
            since_ms = now_ms - WINDOW_DAYS * DAY_MS
            grown = session.scalar(
                select(func.coalesce(func.sum(pictures.c.bytes), 0)).where(pictures.c.ms >= since_ms)
            )
        days = min(WINDOW_DAYS, (now_ms - (first_ms or now_ms)) / DAY_MS)
        told = report(*room, int(kept) // MIB, int(grown or 0) / MIB, days, self._settings.min_free_mib)
        write_report(self._store.redis, told)
