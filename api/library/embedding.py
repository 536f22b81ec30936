"""Gives each asset its vectors: one of its words and one of its looks for each encoder that a worker serves.

Each vector has a row in `asset_vectors` that says how far it is: `due`, `sent` (with its job), `made`, `none` (there is
nothing to embed) or `failed`. A look plans rows for new assets, takes in jobs that have ended, and sends the next, of low
priority and few at a time, so that the pictures of a whole library wait their turn behind everything else.

A job's id is on record before the job is made: whoever dies in between leaves an id that nobody knows, and its rows are due
again. Words that say what they said before (by their digest) keep their vector. Where an encoder's weights change, every
vector of the old ones is due again, and serves until the new one is there; a query is compared with its own space only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.library.database import Database
from api.library.meaning_text import meaning_text
from api.library.tables import Asset, AssetText, AssetVector
from api.library.vectors import write
from shared.contracts.base import Priority
from shared.contracts.embedding import EmbedParams, EmbedResult
from shared.contracts.jobs import FINAL_STATES, JobRecord, State, new_job_id
from shared.errors import DarkroomError, Gone, NotFound
from shared.jobs.routing import queue_of
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import WorkerRegistry

#: Whose jobs these are.
CALLER = "darkroom"
#: Rows planned in one look.
PLANNED_AT_ONCE = 2000
#: Texts and pictures of one job: half a second of work on one core.
TEXTS_A_JOB, PICTURES_A_JOB = 32, 8
#: Jobs of one encoder that are under way at once.
JOBS_AT_ONCE = 4
#: Jobs without a vector after which an asset has none.
MAX_TRIES = 3
#: A job that nobody takes for so long is given up, and its rows are due again.
DEADLINE_S = 86_400.0


@dataclass(frozen=True)
class Waiting:
    """An asset whose vector is due, and what it is made from."""

    asset_no: int
    picture: str
    text: str
    tries: int
    #: Of the words of the vector that is there.
    digest: str
    has_vector: bool

    @property
    def is_outdated(self) -> bool:
        """Whether its words are others than those that its vector was made from."""
        return not self.has_vector or self.digest != _digest(self.text)


class Embedding:
    """One process' hand in it; only one process should look at a time."""

    def __init__(
        self,
        database: Database,
        store: JobStore,
        dispatcher: Dispatcher,
        registry: WorkerRegistry,
        catalogue: Catalogue,
    ) -> None:
        self._database = database
        self._store = store
        self._dispatcher = dispatcher
        self._registry = registry
        self._catalogue = catalogue

    def look(self) -> int:
        """Do what there is to do now; returns how many rows were planned, sent or taken in.

        Raises:
            LibraryUnavailable, RedisUnavailable: what was committed stays; the next look goes on.
        """
        served = {model for worker in self._registry.living() for model in worker.models}
        done = 0
        for card in self._catalogue.cards.values():
            if card.id in served and card.encoding is not None:
                done += self._plan(card) + self._take_in(card) + self._send(card)
        return done

    def make_all_due(self) -> int:
        """Have every vector made anew (`darkroom reindex`); returns how many."""
        with self._database.writing() as session:
            made = session.execute(update(AssetVector).values(state="due", tries=0, digest=""))
            return int(made.rowcount)  # type: ignore[attr-defined]

    # -- planning ----------------------------------------------------------------------------------------------------

    def _plan(self, card: ModelCard) -> int:
        """A row for each asset that has none, the newest first."""
        with self._database.reading() as session:
            assets = session.scalar(select(func.count()).select_from(Asset)) or 0
            planned = session.scalar(select(func.count()).where(AssetVector.model == card.id)) or 0
        if assets == planned:
            return 0
        with self._database.writing() as session:
            has_row = select(AssetVector.asset_no).where(AssetVector.asset_no == Asset.no, AssetVector.model == card.id)
            new = session.scalars(
                select(Asset.no).where(~has_row.exists()).order_by(Asset.no.desc()).limit(PLANNED_AT_ONCE)
            ).all()
            session.add_all(AssetVector(asset_no=number, model=card.id, what=_what(card)) for number in new)
        return len(new)

    # -- taking in ---------------------------------------------------------------------------------------------------

    def _take_in(self, card: ModelCard) -> int:
        with self._database.reading() as session:
            sent = select(AssetVector.job).where(AssetVector.model == card.id, AssetVector.state == "sent").distinct()
            jobs = list(session.scalars(sent))
        taken = 0
        for job in jobs:
            try:
                record = self._store.get(job)
            except (NotFound, Gone):
                taken += self._again(card, job, "its job is gone")
                continue
            if record.state in FINAL_STATES:
                taken += self._take_in_one(card, record)
        return taken

    def _take_in_one(self, card: ModelCard, record: JobRecord) -> int:
        if record.state != State.SUCCEEDED or record.result is None:
            return self._again(card, record.id, record.error.message if record.error else record.state.value)
        result = EmbedResult.model_validate(record.result)
        params = EmbedParams.model_validate(record.params)
        with self._database.writing() as session:
            rows, vectors = _sent_with(session, card, record.id), result.rows()
            found = {row.asset_no: vector for row in rows if (vector := vectors[row.place]) is not None}
            digests = {row.asset_no: _digest(params.texts[row.place]) for row in rows} if params.texts else {}
            write(session, card.id, result.space, found, digests)
            _set(session, card, [row.asset_no for row in rows if row.asset_no not in found], state="failed", job="")
            said_otherwise = [each.asset_no for each in _read(session, card, list(digests)) if each.is_outdated]
            _set(session, card, said_otherwise, state="due")
            others = session.execute(
                update(AssetVector)
                .where(AssetVector.model == card.id, AssetVector.state == "made", AssetVector.space != result.space)
                .values(state="due", digest="")
            )
            if others.rowcount:  # type: ignore[attr-defined]
                logger().info("vectors.outdated", model=card.id, space=result.space, assets=others.rowcount)  # type: ignore[attr-defined]
        return len(rows)

    def _again(self, card: ModelCard, job: str, why: str) -> int:
        """Rows whose job brought nothing are due once more, each by itself then; after a few times they have failed."""
        with self._database.writing() as session:
            numbers = [row.asset_no for row in _sent_with(session, card, job)]
            _set(session, card, numbers, state="due", job="", tries=AssetVector.tries + 1)
            session.execute(
                update(AssetVector)
                .where(AssetVector.model == card.id, AssetVector.state == "due", AssetVector.tries >= MAX_TRIES)
                .values(state="failed")
            )
        logger().warning("vectors.not_made", model=card.id, job=job, assets=len(numbers), reason=why[:300])
        return len(numbers)

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, card: ModelCard) -> int:
        with self._database.reading() as session:
            under_way = session.scalar(
                select(func.count(AssetVector.job.distinct())).where(
                    AssetVector.model == card.id, AssetVector.state == "sent"
                )
            )
            room = JOBS_AT_ONCE - (under_way or 0)
            a_job = PICTURES_A_JOB if _what(card) == "looks" else TEXTS_A_JOB
            waiting = _waiting(session, card, room * a_job) if room > 0 else []
        if not waiting:
            return 0
        jobs = self._planned_jobs(card, waiting, a_job)
        for record in jobs:
            try:
                self._dispatcher.submit(record, deadline_s=DEADLINE_S)
            except DarkroomError as exc:
                logger().warning("vectors.not_sent", model=card.id, reason=exc.message)
                break  # what was not made is due again at the next look
        return len(waiting)

    def _planned_jobs(self, card: ModelCard, waiting: Sequence[Waiting], a_job: int) -> list[JobRecord]:
        """Jobs for what is waiting, on record before any of them is made."""
        with self._database.writing() as session:
            wanted = [each for each in waiting if self._needs_one(session, card, each)]
            first = [each for each in wanted if each.tries == 0]
            flocks = [first[start : start + a_job] for start in range(0, len(first), a_job)]
            # One of these broke its job, and nobody can tell which.
            flocks += [[each] for each in wanted if each.tries][:a_job]
            records = []
            for flock in flocks[:JOBS_AT_ONCE]:
                records.append(_job_of(card, flock))
                for place, each in enumerate(flock):
                    _set(session, card, [each.asset_no], state="sent", job=records[-1].id, place=place)
        return records

    def _needs_one(self, session: Session, card: ModelCard, each: Waiting) -> bool:
        """Whether a new vector must be made; else its row says so now."""
        if _what(card) == "looks":
            return True
        if not each.text:
            _set(session, card, [each.asset_no], state="none", space="", halves=None, digest="")
            return False
        if not each.is_outdated:
            _set(session, card, [each.asset_no], state="made")
            return False
        return True


def _what(card: ModelCard) -> str:
    """What a card's vectors are of; one that knows both looks at pictures, and reads queries."""
    return "looks" if card.embeds("pictures") else "words"


def _sent_with(session: Session, card: ModelCard, job: str) -> list[AssetVector]:
    """Rows that still wait for this job: none whose words have changed since, for they are due."""
    return list(
        session.scalars(
            select(AssetVector).where(AssetVector.job == job, AssetVector.model == card.id, AssetVector.state == "sent")
        )
    )


def _waiting(session: Session, card: ModelCard, most: int) -> list[Waiting]:
    due = select(AssetVector.asset_no).where(AssetVector.model == card.id, AssetVector.state == "due")
    return _read(session, card, list(session.scalars(due.order_by(AssetVector.asset_no.desc()).limit(most))))


def _read(session: Session, card: ModelCard, numbers: Sequence[int]) -> list[Waiting]:
    wanted = (
        select(
            AssetVector.asset_no,
            AssetVector.tries,
            AssetVector.digest,
            AssetVector.space,
            Asset.picture,
            AssetText.caption,
            AssetText.tags,
            AssetText.prompt,
        )
        .join(Asset, Asset.no == AssetVector.asset_no)
        .join(AssetText, AssetText.asset_no == AssetVector.asset_no)
        .where(AssetVector.model == card.id, AssetVector.asset_no.in_(numbers))
        .order_by(AssetVector.asset_no.desc())
    )
    return [
        Waiting(
            asset_no=row.asset_no,
            picture=row.picture,
            text=meaning_text(row.caption, row.tags, row.prompt),
            tries=row.tries,
            digest=row.digest,
            has_vector=bool(row.space),
        )
        for row in session.execute(wanted)
    ]


def _job_of(card: ModelCard, flock: Sequence[Waiting]) -> JobRecord:
    if _what(card) == "looks":
        params = EmbedParams(images=tuple(each.picture for each in flock))
    else:
        params = EmbedParams(texts=tuple(each.text for each in flock))
    return JobRecord(
        id=new_job_id(),
        kind="embed",
        model=card.id,
        state=State.QUEUED,
        caller=CALLER,
        priority=Priority.LOW,
        params=params.model_dump(mode="json"),
        queue=queue_of(card.id, Priority.LOW),
    )


def _set(session: Session, card: ModelCard, numbers: Sequence[int], **values: object) -> None:
    session.execute(
        update(AssetVector).where(AssetVector.model == card.id, AssetVector.asset_no.in_(numbers)).values(**values)
    )


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
