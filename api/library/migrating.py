"""Brings the database up to this code's schema: at the start on SQLite, by `darkroom db upgrade` on PostgreSQL.

SQLite is migrated under a lock of the file system, so that of several processes one does it and the others wait, and
after a copy of the file (`library.sqlite.<revision>.bak`), which stays beside it. PostgreSQL is somebody's server: the
start only looks. A schema that is newer than this code is never touched: the start fails and says what to do.

The data folder must be on a local disk: SQLite's locks and its shared memory do not work over a network.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from api.library.database import FILE_NAME, Database
from api.library.outages import database_errors
from shared.errors import InvalidRequest, LibraryUnavailable
from shared.log import logger

#: Beside the file: who holds it migrates.
LOCK_NAME = "library.lock"
_MIGRATIONS = Path(__file__).with_name("migrations")


class SchemaMismatch(LibraryUnavailable):
    """The database is not of this code; a person must do something, and the message says what. No caller's fault, so 503."""


def prepare(database: Database) -> None:
    """Make the database ready for this code, or say why it is not.

    Raises:
        SchemaMismatch: it is newer than this code; or it is PostgreSQL's and must be upgraded by hand.
        InvalidRequest: this SQLite has no FTS5.
        LibraryUnavailable: it cannot be reached, or the data folder cannot be written.
    """
    if database.is_sqlite:
        with database_errors():
            database.settings.data_dir.mkdir(parents=True, exist_ok=True)
            check_fts5()
            with _alone(database.settings.data_dir / LOCK_NAME):
                _upgrade_if_older(database)
        return
    with database_errors(), database.engine.connect() as connection:
        found = revision_of(connection)
        _refuse_newer(found)
        if found != newest_revision():
            raise SchemaMismatch(
                f"the library's tables are {found or 'not there yet'}, this version of Darkroom needs {newest_revision()}: "
                "run `darkroom db upgrade` once, from one host",
                field="DARKROOM_DATABASE_URL",
            )


def upgrade(database: Database) -> tuple[str, str]:
    """Migrate, whichever database it is (`darkroom db upgrade`); returns the revisions before and after ("": none).

    Raises:
        SchemaMismatch: it is newer than this code. LibraryUnavailable: it cannot be reached.
    """
    if database.is_sqlite:
        before = current_revision(database)
        prepare(database)
        return before, newest_revision()
    with database_errors(), database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('darkroom:migrations'))"))
        before = revision_of(connection)
        _refuse_newer(before)
        command.upgrade(_config(connection), "head")
    return before, newest_revision()


def current_revision(database: Database) -> str:
    """The revision the tables are at; "": there are none yet.

    Raises:
        LibraryUnavailable: it cannot be reached.
    """
    with database_errors(), database.engine.connect() as connection:
        return revision_of(connection)


def newest_revision() -> str:
    """The revision this code needs."""
    return str(_script().get_current_head())


def revision_of(connection: Connection) -> str:
    """The revision an open database is at; "": it has no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def check_fts5() -> None:
    """Make sure that this Python's SQLite has the text index.

    Raises:
        InvalidRequest: it has not.
    """
    with sqlite3.connect(":memory:") as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(words)")
        except sqlite3.OperationalError as exc:
            raise InvalidRequest(
                f"the SQLite of this Python ({sqlite3.sqlite_version}) was built without FTS5, which the library's search needs: "
                "use another Python, or PostgreSQL by DARKROOM_DATABASE_URL",
                field="DARKROOM_DATABASE_URL",
            ) from exc


def _upgrade_if_older(database: Database) -> None:
    with database.engine.connect() as connection:
        found = revision_of(connection)
        is_new = not inspect(connection).get_table_names()
    _refuse_newer(found)
    if found == newest_revision():
        return
    if not is_new:
        _copy(database.settings.data_dir / FILE_NAME, found)
    with database.engine.execution_options(writes=True).begin() as connection:
        command.upgrade(_config(connection), "head")
    logger().info("library.migrated", before=found or "none", after=newest_revision())


def _copy(file: Path, revision: str) -> Path:
    """SQLite's own copying, which takes what is only in the journal too."""
    beside = file.with_name(f"{file.name}.{revision or 'unknown'}.bak")
    partial = beside.with_name(beside.name + ".part")
    partial.unlink(missing_ok=True)
    with sqlite3.connect(file) as source, sqlite3.connect(partial) as target:
        source.backup(target)
    partial.replace(beside)
    logger().info("library.copied", file=beside.name)
    return beside


def _refuse_newer(found: str) -> None:
    known = {script.revision for script in _script().walk_revisions()}
    if found and found not in known:
        raise SchemaMismatch(
            f"the library's database is at revision {found}, which this version of Darkroom does not know: it was made by a "
            f"newer one. Start that version, or put back a copy of before ({FILE_NAME}.*.bak in the data folder)",
            field="DARKROOM_DATA_DIR",
        )


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold a lock of the file system; the others wait.

    Raises:
        LibraryUnavailable: the folder cannot be written.
    """
    try:
        handle = file.open("a")
    except OSError as exc:
        raise LibraryUnavailable(f"{file.parent} cannot be written: {exc.strerror}") from exc
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
