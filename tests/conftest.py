"""What all tests may share: one real Valkey for the run, emptied before each test that uses it.

`make test` runs them in several processes (`-n N --dist loadgroup`). A file's tests stay together, for they share what
they set up. All fault tests share one stack, so they are one group, and never two of them are run at once; they mostly
wait, so that other tests have the cores meanwhile. The longest groups begin first. Plain `pytest tests` runs all in order.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from api.app import create_app
from api.services import Services, build_services
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings

TESTS = Path(__file__).parent


#: Groups of more than one file, or of one that takes minutes, the longest first: folder or file → group.
LONG_GROUPS = {"faults/test_chaos.py": "chaos", "faults": "faults", "integration/test_api_fuzz.py": "fuzz", "e2e": ""}


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in this hook too
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests for pytest-xdist."""
    if not config.getoption("loadgroup", False):  # what pytest-xdist calls `--dist loadgroup` in its processes
        return
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    items.sort(key=_rank_of)


def _group_of(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS).as_posix()
    return next((group for start, group in LONG_GROUPS.items() if group and path.startswith(start)), path)


def _rank_of(item: pytest.Item) -> int:
    path = item.path.relative_to(TESTS).as_posix()
    return next((rank for rank, start in enumerate(LONG_GROUPS) if path.startswith(start)), len(LONG_GROUPS))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A private server of this test run."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


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
