"""The database of what lasts: SQLite in the data folder by default, PostgreSQL where several API hosts share it.

Reading and writing are two doors. On SQLite a writer takes the write lock when it begins (`BEGIN IMMEDIATE`), so that two
writers wait for each other instead of failing half way; readers see the state of their first look (WAL). On PostgreSQL
`lock` does for a named thing what that one lock does for the whole file.

Whatever the driver raises because the database is away, locked, full or read-only comes out as `LibraryUnavailable`
(`outages`).
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session

from api.library.outages import database_errors
from api.library.text_index import keep_up
from shared.errors import InvalidRequest
from shared.settings import Settings

#: SQLite's file in the data folder.
FILE_NAME = "library.sqlite"
#: Connections kept open, and how many more may be for a while.
KEPT_OPEN, AT_ONCE = 8, 64


class Database:
    """One engine, two doors. `prepare` is asked once, at the first use or before: it brings the tables up to date."""

    def __init__(self, settings: Settings, prepare: Callable[["Database"], None] | None = None) -> None:
        self.settings = settings
        self._prepare = prepare
        self._is_ready = prepare is None
        self._preparing = threading.Lock()
        self.engine = _engine(settings)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads.

        Raises:
            LibraryUnavailable: see above.
        """
        self.make_ready()
        with database_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are all kept at the end, or none of them.

        Raises:
            LibraryUnavailable: see above; nothing has changed.
        """
        self.make_ready()
        with (
            database_errors(),
            Session(self._writer(), expire_on_commit=False) as session,
            session.begin() as all_of_it,
        ):
            yield session
            if all_of_it.is_active:  # else it was rolled back, on purpose
                session.flush()
                keep_up(session)

    def make_ready(self) -> None:
        """Bring the tables up to date, once a process; a failure is tried again at the next use.

        Raises:
            LibraryUnavailable, and what `migrating.prepare` raises.
        """
        if self._is_ready:
            return
        with self._preparing:
            if not self._is_ready and self._prepare is not None:
                self._prepare(self)
                self._is_ready = True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _writer(self) -> Engine:
        return self.engine.execution_options(writes=True)


def lock(session: Session, what: str) -> None:
    """Be alone with a named thing until the session ends. On SQLite a writer is alone with everything."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"darkroom:{what}"})


def _engine(settings: Settings) -> Engine:
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    wait_s = settings.database_timeout_s
    if not url:
        made = create_engine(
            f"sqlite:///{settings.data_dir / FILE_NAME}",
            pool_size=KEPT_OPEN,
            max_overflow=AT_ONCE,
            pool_timeout=wait_s,
            connect_args={"timeout": wait_s, "check_same_thread": False},
        )
        event.listen(made, "connect", _set_up_sqlite)
        event.listen(made, "begin", _begin_on_sqlite)
        return made
    made = create_engine(
        _postgresql_url(url),
        pool_size=KEPT_OPEN,
        max_overflow=AT_ONCE,
        pool_timeout=wait_s,
        # Notices a server that was restarted before a request meets the dead connection.
        pool_pre_ping=True,
        connect_args={"timeout": max(wait_s * 4, 20.0)},
    )
    event.listen(made, "connect", _set_up_postgresql(wait_s))
    return made


def _postgresql_url(url: str) -> Any:
    """With the driver that is here, whichever spelling of the scheme was given.

    Raises:
        InvalidRequest: not an address of PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except Exception as exc:
        raise InvalidRequest(
            "DARKROOM_DATABASE_URL is no address; write postgresql://user:password@host/name",
            field="DARKROOM_DATABASE_URL",
        ) from exc
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidRequest(
            f"DARKROOM_DATABASE_URL: {parsed.get_backend_name()} is not served; write postgresql://user:password@host/name, "
            "or leave it out for SQLite in the data folder",
            field="DARKROOM_DATABASE_URL",
        )
    return parsed.set(drivername="postgresql+pg8000")


def _set_up_sqlite(connection: Any, _: object) -> None:
    # SQLite's own knows the letters of ASCII alone, and then nobody finds the album "Ärger".
    connection.create_function("lower", 1, _lower, deterministic=True)
    # Transactions are begun by `_begin_on_sqlite`, not guessed from statements by the driver.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "foreign_keys = ON",
        # In WAL mode a power cut may take the last commits, never the file's health; Redis' AOF promises no more.
        "synchronous = NORMAL",
        "cache_size = -32768",  # 32 MiB a connection
        "temp_store = MEMORY",
        "mmap_size = 2147418112",  # all that SQLite takes: what others wrote is looked up, not read anew
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_on_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(wait_s: float) -> Callable[[Any, object], None]:
    def set_up(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {round(wait_s * 1000)}")
        cursor.execute("SET TIME ZONE 'UTC'")
        connection.commit()
        cursor.close()
        with_socket: socket.socket | None = getattr(connection, "_usock", None)
        if with_socket is not None and with_socket.family != getattr(socket, "AF_UNIX", None):
            with_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    return set_up
