"""Which file of the built page an address means."""

import gzip
from pathlib import Path

import pytest

from api.responses.page_files import EACH_TIME, FOR_EVER, PageFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small page; beside it lies what is nobody's."""
    (tmp_path / "secret.txt").write_text("not of the page")
    page = tmp_path / "dist"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html>")
    (page / "sw.js").write_text("1")
    (page / "manifest.webmanifest").write_text("{}")
    script = page / "assets" / "app-4f2a.js"
    script.write_text("go()")
    script.with_name("app-4f2a.js.gz").write_bytes(gzip.compress(b"go()"))
    script.with_name("app-4f2a.js.br").write_bytes(b"brotli")
    return page


def takes(*encodings: str):
    return lambda encoding: encoding in encodings


@pytest.mark.parametrize("address", ["", "index.html", "gallery", "gallery/ast_0", "a/b.c/d", "rack"])
def test_an_address_that_is_no_file_is_a_screen_and_gets_the_index(folder, address):
    found = PageFiles(folder).find(address, takes())

    assert (found.path.name, found.media_type, found.cache) == ("index.html", "text/html", EACH_TIME)


@pytest.mark.parametrize("address", ["assets/gone-1.js", "assets/", "assets/x", "favicon.ico", "sw2.js", "x.js.br"])
def test_an_address_that_looks_like_a_file_and_is_none_gets_nothing(folder, address):
    assert PageFiles(folder).find(address, takes()) is None


@pytest.mark.parametrize("address", ["../secret.txt", "assets/../../secret.txt", "/etc/passwd", "..", "%2e%2e/secret"])
def test_nothing_outside_the_folder_is_ever_found(folder, address):
    found = PageFiles(folder).find(address, takes())

    assert found is None or found.path == folder / "index.html"


def test_what_is_named_by_its_content_is_kept_for_ever_and_the_rest_asked_for_again(folder):
    page = PageFiles(folder)

    script, worker = page.find("assets/app-4f2a.js", takes()), page.find("sw.js", takes())

    assert (script.cache, script.etag) == (FOR_EVER, None)
    assert worker.cache == EACH_TIME
    assert worker.etag


def test_the_etag_of_the_index_changes_with_its_words_alone(folder):
    page = PageFiles(folder)
    before = page.find("", takes()).etag
    (folder / "index.html").touch()
    touched = page.find("", takes()).etag

    (folder / "index.html").write_text("<!doctype html><p>new")

    assert before == touched != page.find("", takes()).etag


@pytest.mark.parametrize(
    ("accepted", "ending"), [(("br", "gzip"), ".br"), (("gzip",), ".gz"), ((), ".js"), (("zstd",), ".js")]
)
def test_the_smallest_copy_that_the_browser_takes_is_sent(folder, accepted, ending):
    found = PageFiles(folder).find("assets/app-4f2a.js", takes(*accepted))

    assert found.path.suffix == ending
    assert found.media_type == "text/javascript"


def test_types_are_those_that_browsers_want_on_every_system(folder):
    assert PageFiles(folder).find("manifest.webmanifest", takes()).media_type == "application/manifest+json"


def test_a_folder_without_an_index_is_not_built(tmp_path):
    page = PageFiles(tmp_path)

    assert not page.is_built
    assert page.find("gallery", takes()) is None
