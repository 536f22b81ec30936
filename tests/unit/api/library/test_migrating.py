import shutil
import sqlite3
import threading

import pytest
from sqlalchemy import inspect, text

from api.library.database import FILE_NAME, Database
from api.library.migrating import SchemaMismatch, current_revision, newest_revision, prepare, upgrade
from api.library.tables import Table
from shared.errors import LibraryUnavailable
from shared.settings import Settings


def test_the_migrations_make_exactly_the_tables_that_the_code_describes(library: Database):
    with library.reading() as session:
        found = inspect(session.connection())
        tables = {table: {column["name"] for column in found.get_columns(table)} for table in found.get_table_names()}

    ours = {name: set(table.columns.keys()) for name, table in Table.metadata.tables.items()}
    assert {name: tables.get(name) for name in ours} == ours


def test_the_indexes_are_those_that_the_code_describes(library: Database):
    with library.reading() as session:
        found = inspect(session.connection())
        made = {index["name"] for table in Table.metadata.tables for index in found.get_indexes(table)}

    ours = {index.name for table in Table.metadata.tables.values() for index in table.indexes}
    assert ours <= made


def test_a_start_on_sqlite_makes_the_tables_once(settings: Settings):
    for _ in range(2):
        database = Database(settings, prepare)
        database.make_ready()

        assert current_revision(database) == newest_revision()


def test_several_processes_that_start_at_once_migrate_once(settings: Settings):
    databases = [Database(settings, prepare) for _ in range(6)]
    failed: list[Exception] = []

    def start(database: Database) -> None:
        try:
            database.make_ready()
        except Exception as exc:
            failed.append(exc)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_sqlite_is_copied_before_it_is_migrated(settings: Settings):
    file = settings.data_dir / FILE_NAME
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("CREATE TABLE precious (words TEXT)")
        connection.execute("INSERT INTO precious VALUES ('kept')")

    Database(settings, prepare).make_ready()

    with sqlite3.connect(file.with_name(f"{FILE_NAME}.unknown.bak")) as copy:
        assert copy.execute("SELECT words FROM precious").fetchall() == [("kept",)]


def test_a_schema_newer_than_the_code_refuses_to_start_and_says_what_to_do(library: Database):
    library.make_ready()
    with library.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    again = Database(library.settings, prepare)

    with pytest.raises(SchemaMismatch, match=r"9999.*newer.*Start that version"):
        again.make_ready()


def test_postgresql_without_our_tables_says_which_command_makes_them(postgresql, settings: Settings):
    url = postgresql.new_database(is_empty=True)
    database = Database(settings.model_copy(update={"database_url": settings_url(url)}), prepare)

    with pytest.raises(SchemaMismatch, match="darkroom db upgrade"):
        database.make_ready()

    assert upgrade(database) == ("", newest_revision())
    database.make_ready()


def test_a_database_that_is_away_is_unavailable_and_serves_once_it_is_back(settings: Settings):
    file = settings.data_dir / FILE_NAME
    file.mkdir()  # nothing that can be opened
    database = Database(settings, prepare)
    with pytest.raises(LibraryUnavailable):
        database.make_ready()
    shutil.rmtree(file)

    database.make_ready()

    assert current_revision(database) == newest_revision()


def test_a_postgresql_that_does_not_answer_is_unavailable(settings: Settings):
    url = settings_url("postgresql://nobody@127.0.0.1:1/none")
    database = Database(settings.model_copy(update={"database_url": url}), prepare)

    with pytest.raises(LibraryUnavailable):
        database.make_ready()


def settings_url(url: str):
    from pydantic import SecretStr

    return SecretStr(url)
