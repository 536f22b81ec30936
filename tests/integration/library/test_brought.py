"""Pictures from outside are assets of whoever brings them: once each, marked as kept first; on both databases."""

import pytest
from sqlalchemy import select, update

from api.library.brought import Brought, asset_of, known_pictures, look, take_in
from api.library.newcomers import Added
from api.library.tables import Asset, AssetTag, AssetText, Tag
from api.services import Services, build_services
from shared.errors import ArtifactStoreDown
from shared.pictures.pixels import NO_LIMITS
from shared.settings import Settings
from tests.library_played import ended, picture
from tests.pictures import saved


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


def bring(services: Services, data: bytes, *, owner: str = "anna", is_stored: bool = True, **more: object) -> Added:
    stored = services.artifacts.put(data) if is_stored else "img_" + "f" * 32
    brought = Brought(data, stored, owner, "upload", look(data, NO_LIMITS), services.store.now_ms(), **more)
    with services.library.database.writing() as session:
        return take_in(session, services.artifacts, [asset_of(brought)], services.store.now_ms())[0]


def test_a_picture_becomes_an_asset_whose_bytes_are_kept(services: Services):
    data = saved(picture(), "PNG")

    added = bring(services, data, file_name="../\U0001f9ea lamp.png", tags=("wall",))

    assert added.is_new
    with services.library.database.reading() as session:
        asset, text = session.execute(select(Asset, AssetText).join(AssetText)).one()
        assert known_pictures(session, "anna", [asset.picture]) == {asset.picture: added.id}
        assert known_pictures(session, "bert", [asset.picture]) == {}
    assert (asset.id, asset.origin, asset.owner, text.file_name) == (added.id, "upload", "anna", "\U0001f9ea lamp.png")
    assert text.tags == "wall"
    assert services.artifacts.kept([asset.picture]) == {asset.picture}


def test_the_same_bytes_of_the_same_owner_are_the_asset_that_is_there(services: Services):
    record = ended(services)
    services.library.ingest.look()
    data = services.artifacts.get(record.result["images"][0]["id"])
    with services.library.database.writing() as session:
        session.execute(update(Asset).values(trashed_ms=5))

    again, others = bring(services, data, tags=("wall",)), bring(services, data, owner="bert")

    assert (again.is_new, again.is_back, others.is_new) == (False, True, True)
    with services.library.database.reading() as session:
        assert session.execute(select(Asset.owner, Asset.origin, Asset.trashed_ms).order_by(Asset.no)).all() == [
            ("anna", "job", None),
            ("bert", "upload", None),
        ]
        tagged = select(Asset.owner, Tag.name).select_from(AssetTag).join(Tag).join(Asset)
        assert session.execute(tagged).all() == [("anna", "wall")]


def test_a_picture_that_is_not_in_the_store_is_not_written_down(services: Services):
    with pytest.raises(ArtifactStoreDown):
        bring(services, saved(picture(), "PNG"), is_stored=False)

    with services.library.database.reading() as session:
        assert session.scalars(select(Asset.id)).all() == []
    assert not list(services.artifacts.kept_ids())
