"""What was lost can be rebuilt from records and from what pictures say of themselves."""

import pytest
from sqlalchemy import delete, select

from api.cli.library import main
from api.library.reindex import Reindex
from api.library.tables import Asset, AssetText, Purged
from api.services import Services, build_services
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests.library_played import ended, picture


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


def reindex(services: Services) -> Reindex:
    library = services.library
    return Reindex(library.database, services.store, services.artifacts, library.ingest)


def lose_everything(services: Services) -> None:
    with services.library.database.writing() as session:
        session.execute(delete(Asset))


def test_records_make_their_assets_again_under_the_same_ids(services: Services):
    for _ in range(3):
        ended(services)
    services.library.ingest.look()
    before = ids(services)
    lose_everything(services)

    assert reindex(services).run("").from_records == 3
    assert reindex(services).run("").from_records == 0

    assert ids(services) == before


def test_pictures_whose_records_are_gone_say_what_they_are(services: Services):
    told = {
        "job": "job_" + "0" * 24,
        "model": "sdxl-toy",
        "seed": 5,
        "params": {"prompt": "a lamp", "steps": 4, "seed": 5},
    }
    stored = services.artifacts.put(to_png(picture(), record=told))
    services.artifacts.keep([stored])

    assert reindex(services).run("").without_owner == 1
    assert reindex(services).run("anna").from_pictures == 1
    assert reindex(services).run("anna").from_pictures == 0

    with services.library.database.reading() as session:
        asset, text = session.execute(select(Asset, AssetText).join(AssetText)).one()
    assert (asset.owner, asset.model, asset.seed, asset.steps, text.prompt) == ("anna", "sdxl-toy", 5, 4, "a lamp")
    assert asset.thumbhash


def test_pictures_that_nobody_keeps_are_taken_only_where_that_is_asked(services: Services):
    stored = services.artifacts.put(to_png(picture()))

    assert reindex(services).run("anna").from_pictures == 0
    assert reindex(services).run("anna", with_expiring=True).from_pictures == 1

    assert services.artifacts.kept([stored]) == {stored}


def test_fingerprints_that_no_worker_computed_are_computed(services: Services):
    ended(services)
    services.library.ingest.look()
    with services.library.database.writing() as session:
        asset = session.scalars(select(Asset)).one()
        was, asset.thumbhash, asset.dhash = (asset.thumbhash, asset.dhash), "", None

    assert reindex(services).run("").fingerprints == 1

    with services.library.database.reading() as session:
        asset = session.scalars(select(Asset)).one()
    assert (asset.thumbhash, asset.dhash) == was


def test_what_was_deleted_for_good_stays_so(services: Services):
    ended(services)
    services.library.ingest.look()
    (asset_id,) = ids(services)
    lose_everything(services)
    with services.library.database.writing() as session:
        session.add(Purged(id=asset_id, owner="anna", purged_ms=1))

    assert reindex(services).run("").from_records == 0


def test_the_commands_say_what_they_did(library_settings: Settings, monkeypatch, capsys):
    monkeypatch.setenv("DARKROOM_REDIS_URL", library_settings.redis_url or "")
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(library_settings.data_dir))
    if library_settings.database_url:
        monkeypatch.setenv("DARKROOM_DATABASE_URL", library_settings.database_url.get_secret_value())

    assert main(["db", "upgrade"]) == 0
    assert main(["db", "status"]) == 0
    assert main(["reindex"]) == 0

    said = capsys.readouterr().out
    assert "this version needs" in said
    assert "assets from records: 0, from pictures: 0; fingerprints: 0" in said


def ids(services: Services) -> set[str]:
    with services.library.database.reading() as session:
        return set(session.scalars(select(Asset.id)))
