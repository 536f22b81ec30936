"""The page as browsers get it: `/ui/`, its files, its rules, and that the API beside it stays what it was."""

import gzip
from pathlib import Path

import pytest

from api.app import create_app

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text('<!doctype html><script type="module" src="/ui/assets/app-1.js"></script>')
    (page / "sw.js").write_text("self.x = 1")
    (page / "manifest.webmanifest").write_text("{}")
    (page / "assets" / "app-1.js").write_text("go()" * 99)
    (page / "assets" / "app-1.js.gz").write_bytes(gzip.compress(b"go()" * 99))
    return page


@pytest.fixture
def page(services, folder):
    """A client of an app with that page."""
    return create_app(services, page_folder=folder).test_client()


def test_browsers_are_sent_to_the_page_and_programs_get_what_they_got(page, web):
    sent = page.get("/", headers=BROWSER)

    assert (sent.status_code, sent.headers["Location"]) == (302, "/ui/")
    assert "Accept" in sent.headers["Vary"]
    for accept in ("*/*", "application/json", "image/png"):
        headers = {"Accept": accept}
        assert page.get("/", headers=headers).data == web.get("/", headers=headers).data


def test_every_screen_is_the_index_and_asks_again_each_time(page, folder):
    for address in ("/ui/", "/ui/gallery", "/ui/gallery/ast_1"):
        answer = page.get(address)
        assert answer.data == (folder / "index.html").read_bytes()
        assert answer.mimetype == "text/html"
        assert answer.headers["Cache-Control"] == "no-cache"

    again = page.get("/ui/rack", headers={"If-None-Match": answer.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_no_address_of_the_api_ever_becomes_a_screen(page):
    for address in ("/v1/nothing", "/v1/ui/", "/nothing", "/ui/assets/gone.js", "/uinothing"):
        answer = page.get(address, headers=BROWSER)
        assert answer.status_code in (401, 404)
        assert answer.json["error"]["code"] == "not_found"


def test_nothing_inline_runs_and_nobody_frames_the_page(page):
    for address in ("/ui/", "/ui/assets/app-1.js", "/ui/sw.js"):
        answer = page.get(address)
        rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert rules["default-src"] == rules["script-src"] == rules["style-src"] == rules["worker-src"] == "'self'"
        assert rules["img-src"] == "'self' blob: data:"
        assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_hashed_file_is_kept_for_ever_and_comes_compressed_to_whom_that_helps(page):
    plain = page.get("/ui/assets/app-1.js")
    packed = page.get("/ui/assets/app-1.js", headers={"Accept-Encoding": "gzip, deflate"})

    for answer in (plain, packed):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.mimetype == "text/javascript"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data


@pytest.mark.parametrize("wish", ["gzip;q=0", "identity"])
def test_who_refuses_an_encoding_does_not_get_it(page, wish):
    assert "Content-Encoding" not in page.get("/ui/assets/app-1.js", headers={"Accept-Encoding": wish}).headers


def test_the_service_worker_and_the_manifest_are_told_as_what_they_are(page):
    worker, manifest = page.get("/ui/sw.js"), page.get("/ui/manifest.webmanifest")

    assert worker.mimetype == "text/javascript"
    assert (worker.headers["Service-Worker-Allowed"], worker.headers["Cache-Control"]) == ("/ui/", "no-cache")
    assert manifest.mimetype == "application/manifest+json"


def test_the_page_needs_no_key_and_opens_nothing_else(settings, folder):
    locked = create_app(settings.model_copy(update={"api_keys": ("ann:secret-of-ann",)}), page_folder=folder)
    client = locked.test_client()

    assert client.get("/ui/gallery").status_code == 200
    assert "cookie" not in client.get("/ui/").vary.as_set()
    assert client.get("/v1/jobs").status_code == 401


def test_what_is_shared_without_a_service_worker_is_not_lost_in_silence(page):
    answer = page.post("/ui/share", data={"title": "x"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/?share=unavailable")


@pytest.mark.parametrize("address", ["/ui/", "/ui/gallery", "/ui/assets/app.js"])
def test_a_checkout_without_a_built_page_says_how_to_build_it(services, tmp_path, address):
    bare = create_app(services, page_folder=tmp_path / "none").test_client()

    answer = bare.get(address, headers=BROWSER)

    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert "make web" in answer.json["error"]["message"]
    assert bare.get("/", headers=BROWSER).status_code == 200
