"""`darkroom import` and `watch`: pictures of a place become assets of one owner, once each, and are described."""

import os
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from api.cli.import_sources import in_folder
from api.cli.importing import AT_ONCE, Importer, Wishes
from api.cli.imports import owner_of
from api.cli.library import main
from api.cli.watching import Watch
from api.library import xmp
from api.library.sweep import purge
from api.library.tables import Asset, AssetText
from api.library.xmp import Described
from api.services import Services, build_services
from shared.contracts.access import LOCAL
from shared.errors import InvalidRequest, LibraryUnavailable, NotFound, TooManyRequests
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests.batches_played import run_all
from tests.library_played import Caller, picture
from tests.pictures import bomb, jpeg, saved

INFOTEXT = "a lamp\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16"


@pytest.fixture
def services(library_settings: Settings) -> Services:
    made = build_services(library_settings)
    made.artifacts.check_identity()
    return made


def importer(services: Services, **wishes: object) -> Importer:
    return Importer(services, owner_of(services, services.settings, ""), Wishes(**wishes))  # type: ignore[arg-type]


def bring(services: Services, folder: Path, **wishes: object):
    importing = importer(services, **wishes)
    importing.bring(in_folder(folder))
    return importing.finish()


def fill(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(to_png(picture()))


def every(services: Services, *columns):
    with services.library.database.reading() as session:
        return [tuple(row) for row in session.execute(select(*columns).join(AssetText).order_by(AssetText.file_name))]


def test_a_folder_becomes_assets_with_what_pictures_and_their_neighbours_say(services, tmp_path):
    folder = tmp_path / "pictures"
    fill(folder, 0)
    (folder / "a.png").write_bytes(to_png(picture(), parameters=INFOTEXT))
    (folder / "b.jpg").write_bytes(jpeg())
    (folder / "b.txt").write_text("a red lamp")
    (folder / "b.jpg.xmp").write_text(xmp.write(Described(tags=("Sea",), stars=4)))
    os.utime(folder / "a.png", (1_600_000_000, 1_600_000_000))

    report = bring(services, folder, tags=("trip",))

    assert (report.added, report.refused) == (2, [])
    rows = every(services, AssetText.file_name, Asset.owner, Asset.origin, AssetText.prompt, AssetText.caption)
    assert rows == [("a.png", LOCAL, "import", "a lamp", ""), ("b.jpg", LOCAL, "import", "", "a red lamp")]
    tagged = every(services, AssetText.tags, Asset.stars)
    assert [(sorted(tags.split("\n")), stars) for tags, stars in tagged] == [(["trip"], 0), (["sea", "trip"], 4)]
    assert every(services, Asset.created_ms)[0] == (1_600_000_000_000,)
    pictures = [row[0] for row in every(services, Asset.picture)]
    assert services.artifacts.kept(pictures) == set(pictures)


def test_imported_pictures_are_described_as_one_batch(services, tmp_path):
    fill(tmp_path / "in", 3)

    report = bring(services, tmp_path / "in")
    ran = run_all(services)
    services.library.ingest.look()

    assert len(report.batches) == 1
    assert len(ran) == 9
    assert every(services, Asset.analysis, Asset.has_caption) == [("done", True)] * 3


def test_bad_files_are_told_and_spoil_nothing(services, tmp_path):
    fill(tmp_path / "in", 2)
    (tmp_path / "in" / "cut.jpg").write_bytes(jpeg(640, 480)[:2000])
    (tmp_path / "in" / "no.png").write_bytes(b"no picture")
    (tmp_path / "in" / "link.png").symlink_to("/etc/passwd")
    (tmp_path / "in" / "bomb.png").write_bytes(bomb()[:-200])

    report = bring(services, tmp_path / "in", describes=False)

    assert sorted(each.name for each in report.refused) == ["bomb.png", "cut.jpg", "link.png", "no.png"]
    assert report.added == 2


def test_an_import_that_was_cut_off_goes_on(services, tmp_path, monkeypatch):
    fill(tmp_path / "in", AT_ONCE + 5)
    first = importer(services)
    with monkeypatch.context() as patch:
        writing = services.library.database.writing
        calls = iter([writing])
        patch.setattr(services.library.database, "writing", lambda: next(calls, away)())
        with pytest.raises(LibraryUnavailable):
            first.bring(in_folder(tmp_path / "in"))
    assert first.report.added == AT_ONCE

    report = bring(services, tmp_path / "in")

    assert (report.added, report.known) == (5, AT_ONCE)


def test_the_same_bytes_are_one_asset(services, tmp_path):
    fill(tmp_path / "in", 1)
    (tmp_path / "in" / "copy.png").write_bytes((tmp_path / "in" / "000.png").read_bytes())

    assert (bring(services, tmp_path / "in").added, len(every(services, Asset.id))) == (1, 1)


def test_what_was_thrown_away_stays_away_unless_it_is_asked_for(services, tmp_path):
    fill(tmp_path / "in", 2)
    bring(services, tmp_path / "in", describes=False)
    with services.library.database.writing() as session:
        gone, trashed = session.scalars(select(Asset).order_by(Asset.no)).all()
        trashed.trashed_ms = 5
        purge(session, [gone.no], services.store.now_ms())

    report = bring(services, tmp_path / "in", describes=False)
    assert (report.added, report.known, report.deleted) == (0, 1, 1)
    assert every(services, Asset.trashed_ms) == [(5,)]

    report = bring(services, tmp_path / "in", describes=False, again=True)
    assert (report.added, report.known, report.deleted) == (1, 1, 0)
    assert every(services, Asset.trashed_ms) == [(None,), (None,)]


def test_pictures_that_come_while_too_much_is_under_way_are_described_later_or_say_why_not(
    services, tmp_path, monkeypatch
):
    fill(tmp_path / "in", 2)
    importing = importer(services)
    importing.bring(in_folder(tmp_path / "in"))
    with monkeypatch.context() as patch:
        patch.setattr(services.batches, "create", full)
        importing.describe()
        assert every(services, Asset.analysis) == [("none",)] * 2
    importing.describe()
    assert every(services, Asset.analysis) == [("waiting",)] * 2

    fill(tmp_path / "more", 1)
    monkeypatch.setattr(services.batches, "create", full)
    importing.bring(in_folder(tmp_path / "more"))
    importing.finish()

    states = set(every(services, Asset.analysis, AssetText.analysis_reason))
    assert states == {("waiting", ""), ("failed", "100 batches are under way")}


def test_imported_pictures_count_for_their_owner(services, tmp_path):
    fill(tmp_path / "in", 3)

    bring(services, tmp_path / "in", describes=False)

    stored = sum(path.stat().st_size for path in (tmp_path / "in").iterdir())
    assert sum(int(n) for n in services.store.redis.hvals(f"darkroom:pictures:{LOCAL}")) == stored


def test_whose_they_are_must_be_said_where_people_have_keys(services):
    assert owner_of(services, services.settings, "").person == LOCAL
    with pytest.raises(NotFound, match="there is no 'anna'"):
        owner_of(services, services.settings, "anna")
    Caller(services, "anna")

    with pytest.raises(InvalidRequest, match="say whose"):
        owner_of(services, services.settings, "")
    assert owner_of(services, services.settings, "anna").person == "anna"


def test_a_watched_folder_comes_in_and_is_described(services, tmp_path):
    folder, now = tmp_path / "in", [0.0]
    fill(folder, 1)
    watch = Watch(folder, importer(services), lambda line: None, settle_s=2, every_s=1, clock=lambda: now[0])
    for second in (0, 2, 3):
        now[0] = second
        watch.look()
    fill(tmp_path / "new", 1)
    (tmp_path / "new" / "000.png").rename(folder / "late.png")
    for second in (4, 6):
        now[0] = second
        watch.look()

    run_all(services)
    services.library.ingest.look()

    assert every(services, AssetText.file_name, Asset.analysis) == [("000.png", "done"), ("late.png", "done")]


def test_the_command_tells_what_it_did(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DARKROOM_REDIS_URL", settings.redis_url)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../up/a.png", saved(picture(), "PNG"))
        archive.writestr("b.png", b"no picture")

    status = main(["import", str(tmp_path / "a.zip"), "--data", str(tmp_path), "--tag", "trip"])

    told = capsys.readouterr().err
    assert status == 1
    assert "1 added, 0 known, 0 deleted before, 1 refused" in told
    assert "b.png: these bytes are no picture" in told
    assert "described by bat_" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "none"], "none is no folder"),
        (["watch", "none"], "none is no folder"),
        (["import", "."], "there are no pictures in"),
        (["import", ".", "--tag", "x" * 101], "a tag has 1 to 100 characters"),
        (["import", ".", "--owner", "nobody"], "there is no 'nobody'"),
    ],
)
def test_what_cannot_be_is_told(settings, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.setenv("DARKROOM_REDIS_URL", settings.redis_url)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    assert main([*arguments, "--data", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


def away() -> None:
    raise LibraryUnavailable("away")


def full(*args: object, **more: object) -> None:
    raise TooManyRequests("100 batches are under way")
