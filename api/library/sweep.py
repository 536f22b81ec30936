"""What becomes of pictures and assets by and by: the trash empties itself, bytes that are nobody's are freed, marks are mended.

Bytes are freed in a transaction of their own, alone with everybody who adds assets: only there is it certain that no asset
names them, and none will before they are gone. Everything may be done twice without harm.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session

from api.library import analyses, newcomers, stacks
from api.library.database import Database
from api.library.job_assets import left_by
from api.library.statements import in_chunks, upsert
from api.library.tables import Asset, AssetText, LoosePicture, Purged, Undo
from shared.accounts.quotas import Quotas
from shared.batches.store import BatchStore
from shared.contracts.batch_records import BatchRecord
from shared.jobs.store import JobStore
from shared.log import logger
from shared.pictures.artifact_store import ArtifactStore
from shared.settings import Settings

DAY_MS = 86_400_000
#: A kept picture that no asset names is freed after so long; who is about to name it has it by then.
STRAY_MS = DAY_MS
#: Assets, and pictures, of one transaction.
AT_ONCE = 500
#: Marks that are put back at a time.
MARKED_AT_ONCE = 100
#: How long the id of an asset that was deleted for good is remembered: longer than any record of its job may live.
REMEMBERED_MS = 400 * DAY_MS
#: What begins the ids of batches.
BATCH = "bat_"
#: An analysis is written down before it is sent, and a batch ends before its last end is taken in: both are left alone so long.
JUST_SENT_MS = JUST_ENDED_MS = 60_000


class Sweep:
    """Every method raises `LibraryUnavailable`, `RedisUnavailable` and what the artifact store raises."""

    def __init__(self, database: Database, store: JobStore, artifacts: ArtifactStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._artifacts = artifacts
        self._settings = settings
        self._batches = BatchStore(store.redis, settings)
        self._quotas = Quotas(store.redis)
        #: Waiting assets up to this number were looked at.
        self._settled_to = 0
        #: Pictures of assets that had no mark when it was looked.
        self._unmarked: list[str] = []

    def empty_trash(self) -> int:
        """Delete for good what has been in the trash for `trash_days`; returns how many."""
        limit_ms = self._store.now_ms() - self._settings.trash_days * DAY_MS
        with self._database.writing() as session:
            old = list(session.scalars(select(Asset.no).where(Asset.trashed_ms < limit_ms).limit(AT_ONCE)))
            gone = purge(session, old, self._store.now_ms())
        self.give_back(gone)
        return len(old)

    def give_back(self, gone: Mapping[str, Sequence[str]]) -> None:
        """These pictures count for their owners no longer, although others may have them still. Where Redis is away just now,
        housekeeping notices once the bytes are gone."""
        for owner, pictures in gone.items():
            for some in in_chunks(pictures, AT_ONCE):
                self._quotas.let_go(owner, some)

    def free_loose(self) -> int:
        """Free the bytes that lost their last asset; returns how many pictures."""
        with self._database.reading() as session:
            loose = list(session.scalars(select(LoosePicture.picture).limit(AT_ONCE)))
        return self._free(loose)

    def look_for_strays(self) -> tuple[int, int]:
        """Compare all marks with all assets: pictures that are kept and nobody's are noted, and freed after a day; those
        that are somebody's and not marked (a folder that was put back from a copy) are noted for `mark_some`. How many of
        each."""
        now_ms = self._store.now_ms()
        with self._database.reading() as session:
            named = set(session.scalars(select(Asset.picture).distinct()))
        kept = set(self._artifacts.kept_ids())
        self._unmarked = sorted(named - kept)
        strays = sorted(kept - named)
        with self._database.writing() as session:
            if strays:
                statement = upsert(session, LoosePicture).on_conflict_do_nothing()
                session.execute(statement, [{"picture": each, "due_ms": now_ms + STRAY_MS} for each in strays])
        return len(strays), len(self._unmarked)

    def mark_some(self) -> int:
        """Mark the next of those that `look_for_strays` found unmarked; how many. A few at a time: a whole library takes
        minutes, and what else is due shall not wait for it."""
        some = self._unmarked[:MARKED_AT_ONCE]
        if some:
            self._mark_those_still_named(some)
        self._unmarked = self._unmarked[len(some) :]
        return len(some)

    def settle_analyses(self) -> int:
        """Look at the jobs and batches that assets wait for: should the end of one have been missed, it is written now."""
        waiting = self._next_waiting()
        now_ms = self._store.now_ms()
        jobs, batches = _parted({each.awaited for each in waiting})
        records = dict(zip(jobs, self._store.get_many(jobs), strict=True))
        found = dict(zip(batches, self._batches.read_many(batches), strict=True)) if batches else {}
        settled = 0
        with self._database.writing() as session:
            for each in waiting:
                record, batch = records.get(each.awaited), found.get(each.awaited)
                if each.awaited in found:
                    why = _end_of(batch[0] if batch else None, each.changed_ms, now_ms)
                else:
                    why = "" if record else "the record of its job is gone"
                if why:
                    # It may have been taken in, or sent anew, since we looked.
                    settled += analyses.fail_if_still(session, each.no, each.awaited, why, now_ms)
                elif record is not None and record.is_final:
                    settled += analyses.take_in(session, left_by(record, keeps_by_default=self._settings.keep), now_ms)
        return settled

    def forget(self) -> None:
        """Drop what is remembered for a while only: undo tokens, ids of what was deleted for good."""
        now_ms = self._store.now_ms()
        with self._database.writing() as session:
            session.execute(delete(Undo).where(Undo.expires_ms < now_ms))
            session.execute(delete(Purged).where(Purged.purged_ms < now_ms - REMEMBERED_MS))

    def _mark_those_still_named(self, pictures: Sequence[str]) -> None:
        """Meanwhile some may have lost their last asset. What loses it from now on is swept as anything else is."""
        with self._database.reading() as session:
            named = session.scalars(select(Asset.picture).where(Asset.picture.in_(pictures)).distinct()).all()
        self._artifacts.keep(named)

    def _next_waiting(self) -> Sequence[Row[int, str, int]]:
        """Some of the assets that wait: number, what for, last change. The next call goes on behind them."""
        with self._database.reading() as session:
            rows = session.execute(
                select(Asset.no, AssetText.analysis_job.label("awaited"), Asset.changed_ms)
                .join(AssetText, AssetText.asset_no == Asset.no)
                .where(Asset.analysis.in_(analyses.PENDING), Asset.no > self._settled_to)
                .order_by(Asset.no)
                .limit(AT_ONCE)
            ).all()
        self._settled_to = rows[-1].no if len(rows) == AT_ONCE else 0
        return rows

    def _free(self, pictures: Sequence[str]) -> int:
        now_ms = self._store.now_ms()
        with self._database.writing() as session:
            newcomers.alone_with_pictures(session)
            due = select(LoosePicture.picture).where(LoosePicture.picture.in_(pictures), LoosePicture.due_ms <= now_ms)
            named = set(session.scalars(select(Asset.picture).where(Asset.picture.in_(pictures)).distinct()))
            free = [each for each in session.scalars(due) if each not in named]
            self._artifacts.let_go(free)
            for picture in free:
                self._artifacts.delete(picture)
            session.execute(delete(LoosePicture).where(LoosePicture.picture.in_([*free, *named])))
        if free:
            logger().info("library.freed", pictures=len(free))
        return len(free)


def purge(session: Session, asset_nos: Sequence[int], now_ms: int) -> dict[str, list[str]]:
    """Delete assets for good; pictures that lose their last one are noted, and freed soon.

    Returns:
        Owner → pictures that are theirs no longer: they are given back once this is committed (`Sweep.give_back`).
    """
    theirs: dict[str, list[str]] = defaultdict(list)
    for some in in_chunks(asset_nos):
        rows = session.execute(
            select(Asset.id, Asset.owner, Asset.picture, Asset.stack).where(Asset.no.in_(some))
        ).all()
        session.execute(delete(Asset).where(Asset.no.in_(some)).execution_options(synchronize_session=False))
        for row in rows:
            theirs[row.owner].append(row.picture)
        gone = [{"id": row.id, "owner": row.owner, "purged_ms": now_ms} for row in rows]
        loose = [{"picture": picture, "due_ms": now_ms} for picture in {row.picture for row in rows}]
        if gone:
            session.execute(upsert(session, Purged).on_conflict_do_nothing(), gone)
            statement = upsert(session, LoosePicture)
            statement = statement.on_conflict_do_update(index_elements=["picture"], set_={"due_ms": now_ms})
            session.execute(statement, loose)
        stacks.choose_tops(session, {row.stack for row in rows})
    return dict(theirs)


def _parted(awaited: Collection[str]) -> tuple[list[str], list[str]]:
    """Jobs, and batches."""
    batches = {each for each in awaited if each.startswith(BATCH)}
    return sorted(set(awaited) - batches), sorted(batches)


def _end_of(batch: BatchRecord | None, changed_ms: int, now_ms: int) -> str:
    """Why nothing will be heard of a batch any more; "": it may be.

    Args:
        changed_ms: when the asset that waits for it was last written.
    """
    if batch is None:
        return "its batch was deleted, or never sent" if changed_ms < now_ms - JUST_SENT_MS else ""
    if batch.is_over and batch.ended_at_ms < now_ms - JUST_ENDED_MS:
        return f"its batch is {batch.state.value}, and said nothing of it"
    return ""
