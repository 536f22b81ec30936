"""The bench of the library asks what it says it asks, of a library that has it."""

import httpx
import pytest
from sqlalchemy import func, select

from api.app import create_app
from api.library.tables import Asset
from shared.contracts.access import LOCAL
from tests.bench import bench_library, bench_search
from tests.bench.library_made import OTHER, grow, word

FEW = 400


@pytest.fixture
def caller(services):
    """The API over a made library."""
    grow(services.library.database, 0, 200)
    grow(services.library.database, 200, FEW)
    with httpx.Client(transport=httpx.WSGITransport(app=create_app(services)), base_url="http://127.0.0.1") as http:
        yield bench_library.Caller(http)


def ids_of(services):
    with services.library.database.reading() as session:
        return list(session.scalars(select(Asset.id).where(Asset.owner == LOCAL)))


def test_a_made_library_grows_by_as_many_as_are_asked_for(services, caller):
    with services.library.database.reading() as session:
        owners = dict(session.execute(select(Asset.owner, func.count()).group_by(Asset.owner)).tuples().all())

    assert owners == {LOCAL: FEW * 3 // 4, OTHER: FEW // 4}


def test_every_row_finds_something(services, caller):
    asked = bench_library.reads(caller, ids_of(services), [word(1), word(2)])
    answers = {name: ask(1) for name, ask in asked.items()}

    empty = [name for name, answer in answers.items() if name != "similar" and len(answer.content) < 100]
    assert empty == []
    assert answers["similar"].json()["found"]
    assert answers["text_search"].json()["found"]


def test_bulk_changes_are_taken_back(services, caller, monkeypatch):
    monkeypatch.setattr(bench_library, "ROUNDS", 2)
    before = caller.get("/v1/assets/facets", facets="stars,tag").json()

    rows = bench_library.bulk_ms(caller, {"ids": ids_of(services)})

    assert set(rows) == {f"{act}_{what}_by_ids" for act in ("bulk", "undo") for what in ("stars", "tag", "trash")}
    assert caller.get("/v1/assets/facets", facets="stars,tag").json() == before


def test_searches_alone_are_measured_too(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_search, "RUNS", 4)

    rows = bench_search.measured(tmp_path, 200)

    assert rows["assets"] == 200
    assert min(rows.values()) > 0


def test_what_missed_its_aim_is_told():
    kept = dict(bench_library.AIMS_MS)

    assert bench_library.misses(kept) == {}
    assert bench_library.misses(kept | {"similar": 51}) == {"similar": [51, 50]}
