"""The library's database is locked, full, read-only or gone: 503 with a fix in words, nothing is half done, and jobs go on.

All of it is real: another connection that holds the lock, a file that may not grow, a server that is stopped. What each
trouble may look like is a row of `TROUBLES`; each test ends by asking for one more good answer.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, event, text

from api.library.database import FILE_NAME
from api.library.newcomers import job_asset_id
from api.services import Services, build_services
from shared.errors import LibraryUnavailable
from shared.settings import Settings
from tests import workers_played
from tests.library_played import Caller, ended, owned
from tests.postgresql import PostgreSQL, start_postgresql

#: Short, so that no test waits long for a lock that is not given back.
WAIT_S = 0.2
LONG = "a word " * 1400

Trouble = Callable[[Services, "PostgreSQL | None"], Iterator[None]]


@contextmanager
def on_every_connection(engine: Engine, statement: str) -> Iterator[None]:
    """Have each connection begin with a statement; those that are open are given up, before and after."""

    def say(connection, _) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        connection.commit()
        cursor.close()

    engine.dispose()
    event.listen(engine, "connect", say)
    try:
        yield
    finally:
        event.remove(engine, "connect", say)
        engine.dispose()


@contextmanager
def locked_sqlite(services: Services, _) -> Iterator[None]:
    holder = sqlite3.connect(services.settings.data_dir / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def full_sqlite(services: Services, _) -> Iterator[None]:
    with sqlite3.connect(services.settings.data_dir / FILE_NAME) as connection:
        connection.execute("VACUUM")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    with on_every_connection(services.library.database.engine, f"PRAGMA max_page_count = {pages}"):
        yield


@contextmanager
def read_only_sqlite(services: Services, _) -> Iterator[None]:
    with on_every_connection(services.library.database.engine, "PRAGMA query_only = ON"):
        yield


@contextmanager
def locked_postgresql(services: Services, _) -> Iterator[None]:
    holder = create_engine(services.library.database.engine.url)
    with holder.begin() as connection:
        connection.execute(text("LOCK TABLE assets, albums, tags, searches, presets IN ACCESS EXCLUSIVE MODE"))
        yield
    holder.dispose()


@contextmanager
def read_only_postgresql(services: Services, _) -> Iterator[None]:
    with on_every_connection(services.library.database.engine, "SET default_transaction_read_only = on"):
        yield


@contextmanager
def stopped_postgresql(_, server: PostgreSQL) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


#: Trouble → how it is made, a word of what is to be done, whether lists answer.
TROUBLES = {
    "locked sqlite": (locked_sqlite, "another program holds it", True),
    "full sqlite": (full_sqlite, "make room", True),
    "read-only sqlite": (read_only_sqlite, "write to it", True),
    "locked postgresql": (locked_postgresql, "another program holds it", False),
    "read-only postgresql": (read_only_postgresql, "write to it", True),
    "stopped postgresql": (stopped_postgresql, "see that PostgreSQL runs", False),
}


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgreSQL]:
    """A server that may be stopped; the others' tests have another."""
    with start_postgresql() as server:
        yield server


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(trouble: str, request: pytest.FixtureRequest) -> PostgreSQL | None:
    return request.getfixturevalue("own_postgresql") if "postgresql" in trouble else None


@pytest.fixture
def services(settings: Settings, server: PostgreSQL | None) -> Services:
    where = {"database_url": SecretStr(server.new_database())} if server else {}
    return build_services(settings.model_copy(update={"database_timeout_s": WAIT_S} | where))


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


def test_a_change_is_refused_with_a_fix_and_nothing_is_half_done(services, server, anna, trouble):
    ids = owned(services, "anna", 3)
    before = [anna.get(f"/v1/assets/{each}") for each in ids]
    changes = {"stars": 5, "trashed": True, "note": LONG, "add_tags": ["new"]}
    make_trouble, fix, can_be_read = TROUBLES[trouble]

    with make_trouble(services, server):
        error = anna.patch("/v1/assets", json={"ids": ids, "changes": changes}, expect=503)["error"]
        listed = anna.get("/v1/assets", expect=200 if can_be_read else 503)

    assert (error["code"], error["retryable"]) == ("library_unavailable", True)
    assert fix in error["message"]
    assert not can_be_read or listed["total"] == 3
    assert [anna.get(f"/v1/assets/{each}") for each in ids] == before
    assert anna.patch("/v1/assets", json={"ids": ids, "changes": changes})["changed"] == 3


def test_jobs_go_on_and_their_assets_follow_when_it_is_back(services, server, anna, trouble):
    owned(services, "anna")
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    make_trouble, _, _ = TROUBLES[trouble]

    with make_trouble(services, server):
        asked = anna.post("/v1/generate", json={"prompt": "a lamp", "model": "sdxl-toy"}, expect=202)
        record = ended(services, params={"prompt": LONG})
        with pytest.raises(LibraryUnavailable):
            services.library.ingest.look()
        assert anna.get(f"/v1/jobs/{asked['id']}")["state"] == "queued"
        assert anna.get(f"/v1/images/{record.result['images'][0]['id']}")
        assert anna.get("/v1/status")

    while services.library.ingest.look():
        pass
    assert anna.get("/v1/assets")["total"] == 2
    assert anna.get(f"/v1/assets/{job_asset_id(record.id, 0)}")["prompt"].strip() == LONG.strip()


WRITES = [
    ("post", "/v1/albums", {"name": "new", "description": "x" * 2000}),
    ("post", "/v1/searches", {"name": "new", "filter": {"ids": ["ast_" + "1" * 24] * 500}}),
    ("post", "/v1/presets", {"name": "new", "params": {"prompt": LONG}}),
]


def test_nothing_is_saved_and_it_says_so(services, server, anna, trouble):
    owned(services, "anna")
    make_trouble, fix, _ = TROUBLES[trouble]

    with make_trouble(services, server):
        told = [
            getattr(anna, method)(path, json=body, expect=503)["error"]["message"] for method, path, body in WRITES[1:]
        ]

    assert all(fix in message for message in told)
    for method, path, body in WRITES:
        getattr(anna, method)(path, json=body, expect=201)
