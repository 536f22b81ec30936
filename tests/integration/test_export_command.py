"""`darkroom export` against the real app: a whole zip in a file, or no file."""

import zipfile

import httpx
import pytest

from api.app import create_app
from api.cli import export as export_command
from api.cli import main as cli
from api.client import Darkroom
from api.library import exporting
from shared.contracts.access import LOCAL
from shared.errors import LibraryUnavailable
from tests.library_played import owned


@pytest.fixture
def assets(services, monkeypatch) -> list[str]:
    """Three assets of whoever needs no key; the command asks the app in this process."""
    monkeypatch.setattr(cli.log, "configure", lambda **_: None)
    transport = httpx.WSGITransport(app=create_app(services))
    monkeypatch.setattr(export_command, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))
    return owned(services, LOCAL, 3)


def run(*arguments: object) -> int:
    return cli.main(["export", *map(str, arguments), "--url", "http://localhost"])


def test_all_assets_go_into_a_file(assets, tmp_path, capsys):
    file = tmp_path / "all.zip"

    assert run(file) == 0

    assert "3 pictures" in capsys.readouterr().out
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 7
    assert [each.name for each in tmp_path.glob("all*")] == ["all.zip"]


def test_a_query_says_which(services, assets, tmp_path, capsys):
    web = create_app(services).test_client()
    web.patch("/v1/assets", json={"ids": assets[:1], "changes": {"stars": 5}})

    assert run(tmp_path / "best.zip", "--query", "stars:>=4") == 0
    assert "1 pictures" in capsys.readouterr().out
    assert run(tmp_path / "bad.zip", "--query", 'tag:"open') == 1
    assert "quot" in capsys.readouterr().err
    assert not list(tmp_path.glob("bad*"))


def test_a_file_that_is_there_stays_unless_told_otherwise(assets, tmp_path, capsys):
    file = tmp_path / "all.zip"
    file.write_text("mine")

    assert run(file) == 1
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert run(file, "--force") == 0
    assert zipfile.is_zipfile(file)


def test_what_is_missing_is_told(services, assets, tmp_path, capsys):
    lost = create_app(services).test_client().get(f"/v1/assets/{assets[0]}").json["picture"]
    services.artifacts.let_go([lost])
    services.artifacts.delete(lost)

    assert run(tmp_path / "all.zip") == 0

    said = capsys.readouterr()
    assert "2 pictures" in said.out
    assert assets[0] in said.err


def test_an_export_that_is_cut_off_leaves_no_file(assets, tmp_path, capsys, monkeypatch):
    whole, looks = exporting.assets.whole, []

    def goes_away(*given):
        looks.append(given)
        if len(looks) > 1:
            raise LibraryUnavailable("the database went away")
        return whole(*given)

    monkeypatch.setattr(exporting, "AT_ONCE", 1)
    monkeypatch.setattr(exporting.assets, "whole", goes_away)

    assert run(tmp_path / "all.zip") == 1

    assert capsys.readouterr().err
    assert not list(tmp_path.glob("all*"))
