"""What all tests may share: one real Valkey for the run, emptied before each test that uses it.

`make test` runs them in several processes (`-n N --dist loadfile`). A file's tests stay together, for they share what
they set up, and each process has stacks of its own. Plain `pytest tests` runs all in order.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog
from pydantic import SecretStr

from api.app import create_app
from api.library.database import Database
from api.library.migrating import prepare
from api.services import Services, build_services
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings
from tests.postgresql import PostgreSQL, start_postgresql

TESTS = Path(__file__).parent


#: What takes minutes, the longest first.
LONG = ("faults/test_chaos.py", "faults", "integration/test_api_fuzz.py", "e2e")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run of several processes, the longest files begin first."""
    if hasattr(config, "workerinput"):  # in a process of pytest-xdist's
        items.sort(key=_rank_of)


def _rank_of(item: pytest.Item) -> int:
    path = item.path.relative_to(TESTS).as_posix()
    return next((rank for rank, start in enumerate(LONG) if path.startswith(start)), len(LONG))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A private server of this test run."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that a test runs in this process sets up logging to that test's own output, which closes with it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def redis_url(valkey: EmbeddedRedis) -> str:
    """The address of an empty server."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture
def settings(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as shipped, but for where things lie."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DARKROOM_{name.upper()}", raising=False)
    return Settings(redis_url=redis_url, data_dir=tmp_path)


@pytest.fixture
def services(settings: Settings) -> Services:
    """The web side's services over the empty server."""
    return build_services(settings)


@pytest.fixture
def web(services: Services):
    """A client of the web app."""
    return create_app(services).test_client()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A private PostgreSQL of this test run; skips where its wheel is not."""
    with start_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def library_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """The settings with an empty library, once on each database."""
    if request.param == "sqlite":
        return settings
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return settings.model_copy(update={"database_url": SecretStr(server.new_database())})


@pytest.fixture
def library(library_settings: Settings) -> Iterator[Database]:
    """The database of an empty library, once on each database."""
    database = Database(library_settings, prepare)
    yield database
    database.close()
