"""The library of one API process: its parts, put together once, and the thread that looks after it."""

from dataclasses import dataclass

from api.library.database import Database
from api.library.disk import DiskReports
from api.library.duties import LibraryDuties
from api.library.ingest import Ingest
from api.library.migrating import prepare
from api.library.sweep import Sweep
from shared.jobs.store import JobStore
from shared.pictures.artifact_store import ArtifactStore
from shared.settings import Settings


@dataclass(frozen=True)
class Library:
    """Everything of the library that views use."""

    database: Database
    ingest: Ingest
    sweep: Sweep
    duties: LibraryDuties


def open_library(settings: Settings, store: JobStore, artifacts: ArtifactStore) -> Library:
    """Nothing is connected here: the database is opened, and brought up to date, at the first use."""
    database = Database(settings, prepare)
    ingest = Ingest(database, store, artifacts, settings)
    sweep = Sweep(database, store, artifacts, settings)
    disk = DiskReports(database, store, settings)
    return Library(database, ingest, sweep, LibraryDuties(ingest, sweep, disk, store))
