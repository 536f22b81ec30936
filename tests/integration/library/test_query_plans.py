"""What SQLite walks for the questions that a page asks all the time: an index that fits, not everything somebody has.

The plan does not depend on what is in the tables, for nobody runs ANALYZE: so an empty library tells.
"""

from collections.abc import Callable
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from api.library import assets, counts, search, stacks, vectors
from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.lineage import lineage
from api.library.newcomers import NewAsset, add
from api.library.tables import AssetVector
from api.library.terms import read

ADA = Viewer("ada")


@pytest.fixture
def database(services) -> Database:
    """A library with one asset in a stack."""
    ours = services.library.database
    with ours.writing() as session:
        one = NewAsset(
            id=f"ast_{1:024x}",
            owner="ada",
            picture=f"img_{1:032x}",
            origin="job",
            kind="generate",
            width=8,
            height=8,
            created_ms=1_790_000_000_000,
            stack="bat_1",
            prompt="a red lamp",
        )
        add(session, [one], 0)
    return ours


@contextmanager
def statements(database: Database):
    """What is asked while the block runs."""
    asked: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def plans(database: Database, work: Callable[[Session], object], having: str) -> str:
    """How SQLite would answer those statements of some work that have a text, a line a step."""
    with database.reading() as session, statements(database) as asked:
        work(session)
    chosen = [each for each in asked if having in each[0]]
    assert chosen, [statement for statement, _ in asked]
    with database.engine.connect() as connection:
        rows = [
            row
            for statement, parameters in chosen
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        ]
    return "\n".join(row[3] for row in rows)


def test_the_pictures_of_the_stacks_on_a_page_are_counted_in_their_own_index(database):
    plan = plans(database, lambda session: assets.page(session, AssetFilter(), ADA), "GROUP BY assets.owner")

    assert "USING COVERING INDEX ix_assets_stack" in plan


def test_the_best_of_a_stack_is_looked_for_in_that_stack(database):
    plan = plans(database, lambda session: stacks.choose_tops(session, {"bat_1"}), "UPDATE assets")

    assert "ix_assets_trash" not in plan
    assert "SCAN assets" not in plan


def test_the_parents_of_an_asset_are_found_by_their_pictures(database):
    def look(session):
        assets.whole(session, assets.one(session, f"ast_{1:024x}", ADA), ADA)

    assert "USING INDEX ix_assets_picture" in plans(database, look, "asset_parents")


def test_where_pictures_come_from_and_went_is_found_step_by_step(database):
    def look(session):
        lineage(session, assets.one(session, f"ast_{1:024x}", ADA), ADA)

    plan = plans(database, look, "asset_parents")

    assert "USING INDEX ix_assets_picture" in plan
    assert "ix_assets_months" not in plan
    assert "ix_assets_list" not in plan


def test_the_newest_of_everybody_are_not_sorted(database):
    everything = AssetFilter(scope="all")
    for viewer in (ADA, Viewer("root", sees_all=True)):
        plan = plans(database, lambda session, who=viewer: assets.page(session, everything, who), "ORDER BY assets")

        assert "SCAN assets USING INDEX ix_assets_created" in plan
        assert "TEMP B-TREE" not in plan


def test_what_is_near_is_looked_up_by_its_vectors(database):
    everything = conditions(AssetFilter(scope="all"), ADA)

    def look(session):
        session.execute(vectors._seen("s", everything).where(AssetVector.change.in_([1, 2])))

    plan = plans(database, look, "asset_vectors")

    assert "SEARCH asset_vectors USING INDEX ix_asset_vectors_change (space=? AND change=?)" in plan
    assert "SEARCH assets USING INTEGER PRIMARY KEY" in plan


def test_a_month_is_read_in_its_order(database):
    plan = plans(database, lambda session: counts.packed_month(session, AssetFilter(), ADA, 202609), "assets.month =")

    assert "USING INDEX ix_assets_months (owner=? AND trashed_ms=? AND month=?)" in plan
    assert "TEMP B-TREE" not in plan


def test_tags_of_most_assets_are_walked_in_the_order_of_tags(database):
    plan = plans(database, lambda session: counts.facets(session, AssetFilter(), ADA, ["tag"]), "FROM asset_tags")

    assert "SCAN asset_tags" in plan
    assert "GROUP BY" not in plan


def test_tags_of_few_assets_are_counted_without_their_rows(database):
    nobody = AssetFilter(model=("none",))
    plan = plans(database, lambda session: counts.facets(session, nobody, ADA, ["tag"]), "FROM asset_tags")

    assert "SEARCH asset_tags USING COVERING INDEX ix_asset_tags_asset (asset_no=? AND is_off=?)" in plan


def test_of_what_has_the_words_only_those_rows_are_read(database):
    asked = search.Asked(AssetFilter(), ADA, read('"red lamp"').query.words)
    plan = plans(database, lambda session: search._by_words(session, asked), "WHERE assets.no IN")

    assert "SEARCH assets USING INTEGER PRIMARY KEY" in plan
    assert "ix_assets_" not in plan


def test_the_trash_is_emptied_by_its_own_index(database, services):
    with statements(database) as asked:
        services.library.sweep.empty_trash()
    statement, parameters = next(each for each in asked if "trashed_ms <" in each[0])
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()

    assert "ix_assets_trash " in plan[0][3] + " "
