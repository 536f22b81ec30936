"""Bytes live as long as somebody names them, and not a sweep longer."""

import pytest
from sqlalchemy import select

from api.library import sweep
from api.library.newcomers import NewAsset, add, drawn_asset_id
from api.library.sweep import DAY_MS, purge
from api.library.tables import Asset, LoosePicture
from api.services import Services, build_services
from shared.contracts.jobs import State
from shared.errors import NotFound
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests.library_played import analysed, ended, picture
from tests.workers_played import start


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


def test_the_last_owner_who_lets_go_frees_the_bytes(services: Services):
    stored = services.artifacts.put(to_png(picture()))
    anna, bert = upload(services, "anna", stored), upload(services, "bert", stored)

    delete_for_good(services, anna)
    assert services.library.sweep.free_loose() == 0
    assert services.artifacts.get(stored)

    delete_for_good(services, bert)
    assert services.library.sweep.free_loose() == 1
    with pytest.raises(NotFound):
        services.artifacts.get(stored)
    assert services.library.sweep.free_loose() == 0


def test_bytes_that_come_again_before_they_are_freed_stay(services: Services):
    stored = services.artifacts.put(to_png(picture()))
    delete_for_good(services, upload(services, "anna", stored))
    upload(services, "anna", stored)

    assert services.library.sweep.free_loose() == 0

    assert services.artifacts.kept([stored]) == {stored}


def test_the_trash_empties_itself_after_its_days(services: Services):
    old, fresh = (upload(services, "anna", services.artifacts.put(to_png(picture()))) for _ in range(2))
    days = services.settings.trash_days
    trash(services, old, services.store.now_ms() - days * DAY_MS - 1)
    trash(services, fresh, services.store.now_ms() - days * DAY_MS + 60_000)

    assert services.library.sweep.empty_trash() == 1

    with services.library.database.reading() as session:
        assert list(session.scalars(select(Asset.id))) == [fresh]


def test_a_mark_that_is_nobodys_is_freed_after_a_day_and_not_before(services: Services):
    stray = services.artifacts.put(to_png(picture()))
    services.artifacts.keep([stray])  # whoever kept it died before its asset was written

    assert services.library.sweep.look_for_strays() == (1, 0)
    assert services.library.sweep.free_loose() == 0
    with services.library.database.writing() as session:
        session.scalars(select(LoosePicture)).one().due_ms -= DAY_MS + 1

    assert services.library.sweep.free_loose() == 1
    assert list(services.artifacts.ids()) == []


def test_a_picture_that_lost_its_mark_gets_it_back(services: Services):
    stored = services.artifacts.put(to_png(picture()))
    upload(services, "anna", stored)
    services.artifacts.let_go([stored])

    assert services.library.sweep.look_for_strays() == (0, 1)
    assert services.library.sweep.mark_some() == 1

    assert services.artifacts.kept([stored]) == {stored}
    assert services.library.sweep.mark_some() == 0


def test_marks_come_back_a_few_at_a_time_and_only_where_an_asset_still_wants_them(services: Services, monkeypatch):
    monkeypatch.setattr(sweep, "MARKED_AT_ONCE", 2)
    stored = sorted(services.artifacts.put(to_png(picture())) for _ in range(3))
    assets = {each: upload(services, "anna", each) for each in stored}
    services.artifacts.let_go(stored)
    services.library.sweep.look_for_strays()

    services.library.sweep.mark_some()
    marked_first = services.artifacts.kept(stored)
    delete_for_good(services, assets[stored[2]])
    services.library.sweep.mark_some()

    assert marked_first == set(stored[:2])
    assert services.artifacts.kept(stored) == set(stored[:2])


def test_an_analysis_whose_end_was_missed_is_settled(services: Services):
    stored = [services.artifacts.put(to_png(picture())) for _ in range(3)]
    done = analysed(services, stored[0], {"caption": {"text": "a lamp"}})
    failed = ended(services, None, kind="analyze", state=State.FAILED, params={"image": stored[1]})
    upload(services, "anna", stored[0], analysis="waiting", analysis_job=done.id)
    upload(services, "anna", stored[1], analysis="waiting", analysis_job=failed.id)
    upload(services, "anna", stored[2], analysis="waiting", analysis_job="job_" + "0" * 24)

    assert services.library.sweep.settle_analyses() == 3

    with services.library.database.reading() as session:
        states = dict(session.execute(select(Asset.picture, Asset.analysis)).all())
    assert [states[each] for each in stored] == ["done", "failed", "failed"]


def test_an_analysis_that_runs_is_waited_for(services: Services):
    stored = services.artifacts.put(to_png(picture()))
    record = analysed(services, stored, {"caption": {"text": "a lamp"}})
    again = services.store.create(record.model_copy(update={"id": "job_" + "1" * 24, "state": State.QUEUED}))[0]
    start(services, again.id)
    upload(services, "anna", stored, analysis="waiting", analysis_job=again.id)

    assert services.library.sweep.settle_analyses() == 0


def upload(services: Services, owner: str, stored: str, **fields) -> str:
    new = NewAsset(
        id=drawn_asset_id(),
        owner=owner,
        picture=stored,
        origin="upload",
        kind="upload",
        width=24,
        height=16,
        created_ms=services.store.now_ms(),
        **fields,
    )
    with services.library.database.writing() as session:
        services.artifacts.keep([stored])
        return add(session, [new], services.store.now_ms())[0].id


def trash(services: Services, asset_id: str, at_ms: int) -> None:
    with services.library.database.writing() as session:
        session.scalars(select(Asset).where(Asset.id == asset_id)).one().trashed_ms = at_ms


def delete_for_good(services: Services, asset_id: str) -> None:
    with services.library.database.writing() as session:
        purge(session, list(session.scalars(select(Asset.no).where(Asset.id == asset_id))), services.store.now_ms())
