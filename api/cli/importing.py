"""Takes pictures of a place into the library: read and decoded side by side, written down some at a time, described together.

What is an asset of its owner already is passed over before it is decoded, so the same command again goes on where it was
cut off. It brings nothing out of the trash, and nothing back that was deleted for good, unless that is asked for.

The pictures count for their owner, whom no limit stops here: whoever may run commands on this host decides that.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from api.cli.import_sources import Refused, Source
from api.library import brought
from api.library.brought import Brought, asset_of, look
from api.library.newcomers import NewAsset, content_asset_id, drawn_asset_id
from api.library.tags import checked
from api.requests.describing import describe, give_up
from api.services import Services
from api.services.auth import Caller
from shared.errors import CallersError, DarkroomError
from shared.pictures.artifact_store import id_of

#: Pictures read and decoded side by side; decoding leaves the interpreter to others.
SIDE_BY_SIDE = 4
#: Assets of one transaction, and pictures of one batch.
AT_ONCE, DESCRIBED_AT_ONCE = 64, 1000
#: Files say what they like of when they were written: before 1980 and from tomorrow on it is none.
FIRST_MS, DAY_MS = 315_532_800_000, 86_400_000


@dataclass(frozen=True)
class Wishes:
    """What is said of every picture."""

    tags: tuple[str, ...] = ()
    visibility: Literal["private", "rack"] = "private"
    describes: bool = True
    #: Whether what is in the trash, or was deleted for good, comes back.
    again: bool = False


@dataclass
class Report:
    """What has become of them so far."""

    added: int = 0
    known: int = 0
    #: Those that were deleted for good before.
    deleted: int = 0
    refused: list[Refused] = field(default_factory=list)
    #: Batches that describe them.
    batches: list[str] = field(default_factory=list)
    #: What will not be found out about them, and why.
    left_out: str = ""

    @property
    def total(self) -> int:
        return self.added + self.known + self.deleted + len(self.refused)


#: A picture that was read: an asset to be, one that is or was there, or none.
Read = NewAsset | Literal["known", "deleted"] | Refused


class Importer:
    """Brings pictures to one owner."""

    def __init__(self, ours: Services, caller: Caller, wishes: Wishes) -> None:
        """Raises InvalidRequest: a tag that cannot be one."""
        self._ours = ours
        self._caller = caller
        self._wishes = wishes
        self._tags = tuple(checked(wishes.tags, field="--tag"))
        self._undescribed: list[int] = []
        self.report = Report()

    def bring(self, sources: Iterable[Source | Refused], on_each: Callable[[], None] = lambda: None) -> None:
        """Take these in; those that can be described are, up to `DESCRIBED_AT_ONCE` less one that `finish` sends.

        Raises:
            LibraryUnavailable, RedisUnavailable, ArtifactStoreFull, ArtifactStoreDown: what came before is in; bringing
                the same again goes on.
        """
        pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        try:
            for some in _groups(sources):
                self._ours.door.check()
                read = []
                for each in pool.map(self._read, some):
                    read.append(each)
                    on_each()
                self._write(read)
                if len(self._undescribed) >= DESCRIBED_AT_ONCE:
                    self.describe()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def describe(self) -> None:
        """Have what has come looked at. What cannot be sent now (too much is under way) waits for the next call."""
        while self._undescribed and self._wishes.describes:
            some = self._undescribed[:DESCRIBED_AT_ONCE]
            try:
                sent = describe(self._ours, self._caller, some, again=False)
            except CallersError as error:
                give_up(self._ours, some, error.message)
                self.report.left_out = error.message
            except DarkroomError as error:
                self.report.left_out = error.message
                return
            else:
                self.report.batches += [sent.batch] if sent.batch else []
                self.report.left_out = sent.left_out
            del self._undescribed[: len(some)]

    def finish(self) -> Report:
        """Describe what is left; what cannot be sent says so in its asset. Returns what has become of all."""
        self.describe()
        if self._undescribed and self._wishes.describes:
            give_up(self._ours, self._undescribed, self.report.left_out)
        self._undescribed.clear()
        return self.report

    def _read(self, source: Source | Refused) -> Read:
        if isinstance(source, Refused):
            return source
        try:
            data = source.read(self._ours.picture_limits.max_bytes)
            if (before := self._from_before(id_of(data))) is not None:
                return before
            looked = look(data, self._ours.picture_limits)
            beside = source.beside()
            stored = self._ours.ownership.store_picture(self._caller, data)
        except CallersError as error:
            return Refused(source.name, error)
        now_ms = self._ours.store.now_ms()
        return asset_of(
            Brought(
                data=data,
                picture=stored,
                owner=self._caller.person,
                origin="import",
                looked=looked,
                created_ms=source.written_ms if FIRST_MS <= source.written_ms < now_ms + DAY_MS else now_ms,
                file_name=source.name,
                beside=beside,
                tags=self._tags,
                visibility=self._wishes.visibility,
                asset_id=drawn_asset_id() if self._wishes.again else content_asset_id(self._caller.person, stored),
            )
        )

    def _from_before(self, picture: str) -> Literal["known", "deleted"] | None:
        owner = self._caller.person
        if self._wishes.again:  # it may have to come out of the trash
            return None
        with self._ours.library.database.reading() as session:
            if brought.known_pictures(session, owner, [picture]):
                return "known"
            return "deleted" if brought.was_deleted(session, content_asset_id(owner, picture)) else None

    def _write(self, read: Iterable[Read]) -> None:
        rows = list(read)
        assets = [each for each in rows if isinstance(each, NewAsset)]
        with self._ours.library.database.writing() as session:
            now_ms = self._ours.store.now_ms()
            added = brought.take_in(session, self._ours.artifacts, assets, now_ms, brings_back=self._wishes.again)
            nos = brought.numbers(session, [each.id for each in added if each.is_new])
        self._undescribed += nos.values()
        self.report.refused += [each for each in rows if isinstance(each, Refused)]
        self.report.added += len(nos)
        self.report.deleted += rows.count("deleted") + sum(not each.id for each in added)
        self.report.known += rows.count("known") + sum(bool(each.id) and not each.is_new for each in added)


def _groups(sources: Iterable[Source | Refused]) -> Iterator[list[Source | Refused]]:
    waiting = iter(sources)
    while some := list(islice(waiting, AT_ONCE)):
        yield some
