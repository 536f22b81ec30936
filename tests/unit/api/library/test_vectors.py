"""What is near, on each database: whose it is decides who finds it, and what has gone is never found."""

import shutil

import numpy as np
import pytest
from sqlalchemy import delete, select, text

from api.library import vectors as module
from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.migrating import prepare
from api.library.tables import Asset, AssetVector
from api.library.vectors import FOLDER, FileVectors, PgVectors, Question, has_pgvector, vectors_of, write
from shared.settings import Settings
from tests.unit.api.library.assets import put

MODEL, SPACE = "m", "m:1:abc"
ADA, BOB = Viewer("ada"), Viewer("bob")


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)


def put_at(library: Database, *degrees: float, **fields) -> list[int]:
    return put_all(library, [at(degree) for degree in degrees], **fields)


def put_all(library: Database, rows, owner: str = "ada", space: str = SPACE, **fields) -> list[int]:
    with library.writing() as session:
        assets = [put(session, owner, **fields) for _ in rows]
        session.add_all(AssetVector(asset_no=asset.no, model=MODEL, what="words") for asset in assets)
        session.flush()
        write(session, MODEL, space, {asset.no: row for asset, row in zip(assets, rows, strict=True)}, {})
        return [asset.no for asset in assets]


class Asked:
    """One process' view of the vectors."""

    def __init__(self, library: Database) -> None:
        self.library = library
        with library.reading() as session:
            self.vectors = vectors_of(library, session)

    def near(
        self, viewer: Viewer = ADA, degrees: float = 0, most: int = 10, least: float = 0.5, centred=False, **wanted
    ):
        with self.library.reading() as session:
            question = Question(SPACE, at(degrees), most, least, centred)
            return [
                near.asset_no
                for near in self.vectors.near(session, question, conditions(AssetFilter(**wanted), viewer))
            ]


@pytest.fixture
def asked(library: Database) -> Asked:
    return Asked(library)


def test_postgresql_with_pgvector_compares_by_itself(library: Database):
    with library.reading() as session:
        assert has_pgvector(session) is not library.is_sqlite
        assert isinstance(vectors_of(library, session), FileVectors if library.is_sqlite else PgVectors)


def test_the_nearest_come_first_up_to_the_cut(library: Database, asked: Asked):
    far, near, other, nearest = put_at(library, 50, 20, 120, 10)

    assert asked.near() == [nearest, near, far]
    assert asked.near(least=0.8) == [nearest, near]
    assert asked.near(most=1) == [nearest]
    assert asked.near(degrees=120) == [other]


def test_a_foreign_picture_is_never_found(library: Database, asked: Asked):
    [mine] = put_at(library, 10)
    put_at(library, *([5] * 30), owner="bob")
    [shown] = put_at(library, 6, owner="bob", visibility="rack")

    assert asked.near() == [mine]
    assert asked.near(scope="all") == [shown, mine]
    assert len(asked.near(BOB, most=100)) == 31


def test_among_many_of_others_the_few_of_ones_own_are_found(library: Database, asked: Asked, monkeypatch):
    monkeypatch.setattr(module, "NARROW", 2)
    put_at(library, *np.linspace(0, 9, 200), owner="bob")
    mine = put_at(library, 10, 11, 12, 13)

    assert asked.near(most=3) == mine[:3]
    assert asked.near(most=10) == mine


def test_what_has_gone_is_not_found_whoever_gets_its_number(library: Database, asked: Asked):
    first, second = put_at(library, 0, 5)
    assert asked.near() == [first, second]

    with library.writing() as session:
        session.execute(delete(Asset).where(Asset.no == second))
    with library.writing() as session:
        put(session)  # SQLite gives it the number that has become free

    assert asked.near() == [first]
    [third] = put_at(library, 7)
    assert asked.near() == [first, third]


def test_a_vector_that_is_written_anew_counts_alone(library: Database, asked: Asked):
    first, second = put_at(library, 0, 20)
    assert asked.near() == [first, second]

    with library.writing() as session:
        write(session, MODEL, SPACE, {first: at(40)}, {})

    assert asked.near() == [second, first]


def test_vectors_of_other_weights_are_not_compared(library: Database, asked: Asked):
    put_at(library, 0, space="m:1:other")
    [ours] = put_at(library, 30)

    assert asked.near() == [ours]


def test_what_all_have_in_common_can_be_left_out(library: Database, asked: Asked):
    rng = np.random.default_rng(1)
    table = 5 * rng.standard_normal(32) + rng.standard_normal((2, 32)).repeat(60, 0) * 2
    table = (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)
    numbers = put_all(library, table)

    with library.reading() as session:
        ours = conditions(AssetFilter(), ADA)
        plain = asked.vectors.near(session, Question(SPACE, table[0], 200, 0.5), ours)
        apart = asked.vectors.near(session, Question(SPACE, table[0], 200, 0.5, is_centred=True), ours)

    assert len(plain) == 120
    assert {near.asset_no for near in apart} == set(numbers[:60])


def test_without_pgvector_postgresql_has_the_file_too(library: Database, asked: Asked):
    [near, far] = put_at(library, 10, 40)
    put_at(library, 5, owner="bob")
    asked.vectors = FileVectors(library.settings.data_dir / FOLDER)

    assert asked.near() == [near, far]


def test_another_process_sees_what_was_written(library: Database, asked: Asked):
    put_at(library, 0)
    assert len(asked.near()) == 1
    other = Asked(library)

    put_at(library, 3)

    assert len(other.near()) == 2
    assert len(asked.near()) == 2


@pytest.fixture
def sqlite(settings: Settings) -> Database:
    return Database(settings, prepare)


def test_a_file_that_was_thrown_away_is_filled_again(sqlite: Database):
    library = sqlite
    put_at(library, 0, 10)
    before = Asked(library)
    assert len(before.near()) == 2

    shutil.rmtree(library.settings.data_dir / FOLDER)

    assert len(Asked(library).near()) == 2
    put_at(library, 20)
    assert len(before.near()) == 3


def test_a_file_with_much_waste_is_written_without_it(sqlite: Database, monkeypatch):
    library = sqlite
    monkeypatch.setattr(module, "AT_ONCE", 4)
    numbers = put_at(library, *range(10))
    asked = Asked(library)
    assert len(asked.near()) == 10
    file = next((library.settings.data_dir / FOLDER).glob("*.vectors"))
    before = file.stat().st_size

    with library.writing() as session:
        session.execute(delete(Asset).where(Asset.no.in_(numbers[:8])))
    put_at(library, 11)

    assert len(asked.near()) == 3
    assert file.stat().st_size < before


def test_an_asset_that_went_meanwhile_is_passed_over(library: Database):
    with library.writing() as session:
        write(session, MODEL, SPACE, {12345: at(0)}, {})

    with library.reading() as session:
        assert session.scalars(select(AssetVector.asset_no)).all() == []
        assert session.scalars(text("SELECT value FROM positions")).all() == ["1"]
