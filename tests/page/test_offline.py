"""The page without a line, after an upgrade and after a sign-out, in a real Chromium against the real API."""

import base64
import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from api.app import create_app
from api.responses.page_files import PAGE_FOLDER
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings
from tests.page.conftest import CHROMIUM, LIMIT_MS
from tests.page.filled import fill
from tests.pictures import png
from tests.rig import wait_for

PICTURES = 24
KEYS = {"ada": "secret-of-ada", "bob": "secret-of-bob"}
#: A name that is this machine and that browsers do not know as such: plain http there is not secure.
ELSEWHERE = "rack.test"
COUNT_VIOLATIONS = "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.blockedURI));"
ARGS = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
PROMPT = "What should it show?"
#: Everything that the browser keeps: names of databases and caches, entries of localStorage, and how much is in them.
KEPT = """async () => {
  const caches_ = {}
  for (const name of await caches.keys()) caches_[name] = (await (await caches.open(name)).keys()).length
  const databases = {}
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise(resolve => { const asked = indexedDB.open(name); asked.onsuccess = () => resolve(asked.result) })
    databases[name] = {}
    for (const store of db.objectStoreNames) {
      const asked = db.transaction(store).objectStore(store).count()
      databases[name][store] = await new Promise(resolve => { asked.onsuccess = () => resolve(asked.result) })
    }
    db.close()
  }
  return { caches: caches_, databases, entries: Object.keys(localStorage) }
}"""
SHOWN = """least => [...document.querySelectorAll('[role=gridcell] img')]
  .filter(picture => picture.src.includes('/v1/') && picture.naturalWidth > 0).length >= least"""
WORKER = "navigator.serviceWorker.controller !== null"
SHELLS = "caches.keys().then(names => names.filter(name => name.startsWith('darkroom-shell/')))"
#: Submits the form that a phone sends when pictures are shared to the page.
SHARE = """(files) => {
  const how = { method: 'post', action: '/ui/share', enctype: 'multipart/form-data' }
  const form = Object.assign(document.createElement('form'), how)
  const input = Object.assign(document.createElement('input'), { type: 'file', name: 'pictures', multiple: true })
  const all = new DataTransfer()
  for (const [name, type, text] of files) {
    all.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name, { type }))
  }
  input.files = all.files
  form.append(input)
  document.body.append(form)
  setTimeout(() => form.submit())
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `apt-get install chromium`")


@dataclass
class Served:
    """The API in this process, with a copy of the built page that a test may upgrade."""

    folder: Path
    server: BaseWSGIServer

    def at(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.port}/ui/{path}"


@pytest.fixture(scope="module")
def served(valkey: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not (PAGE_FOLDER / "sw.js").exists():
        pytest.skip("the page is not built here: run `make web`")
    data = tmp_path_factory.mktemp("offline")
    shutil.copytree(PAGE_FOLDER, data / "page")
    settings = Settings(
        redis_url=valkey.url, data_dir=data, api_keys=tuple(f"{who}:{key}" for who, key in KEYS.items())
    )
    fill(settings, PICTURES, owner="ada")
    server = make_server("127.0.0.1", 0, create_app(settings, page_folder=data / "page"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(data / "page", server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(LIMIT_MS)
    context.add_init_script(COUNT_VIOLATIONS)
    yield context
    context.close()


def test_without_a_line_there_are_page_pictures_and_draft_and_what_is_chosen_then_is_sent_later(context, served):
    page = _signed_in(context, served, "ada")
    page.get_by_label(PROMPT).fill("a lighthouse in the fog")
    wait_for(lambda: page.evaluate(KEPT)["databases"].get("darkroom/ada/kept", {}).get("answers"), what="kept answers")
    page.goto(served.at("gallery"))
    _wait_until_kept(page, "ada")

    context.set_offline(True)
    page.goto(served.at("gallery"))
    page.get_by_text("There is no line.").wait_for()
    _until(page, SHOWN, 6)
    _choose(page, "offline.png", (1, 2, 3))
    page.get_by_text("Waits for the line").wait_for()
    page.get_by_role("gridcell").first.click()
    page.locator("main img[src^='/v1/']").first.wait_for()
    page.goto(served.at())
    page.locator("form button[aria-haspopup=dialog]").first.wait_for()
    assert page.get_by_label(PROMPT).input_value() == "a lighthouse in the fog"
    assert page.evaluate("refused") == []

    context.set_offline(False)
    page.get_by_text("There is no line.").wait_for(state="detached")
    page.goto(served.at("gallery"))
    page.get_by_text(f"{PICTURES + 1} pictures", exact=True).first.wait_for()


def test_a_sign_out_and_another_person_leave_nothing_in_the_browser(context, served):
    page = _signed_in(context, served, "ada")
    page.get_by_label(PROMPT).fill("a secret")
    page.goto(served.at("gallery"))
    kept = _wait_until_kept(page, "ada")
    assert {name for name in (*kept["caches"], *kept["databases"]) if name.startswith("darkroom/ada/")} == {
        "darkroom/ada/pictures",
        "darkroom/ada/kept",
        "darkroom/ada/uploads",
    }

    context.clear_cookies()
    page.goto(served.at())
    _sign_in(page, "bob")
    page.get_by_label(PROMPT).wait_for()
    assert "ada" not in str(page.evaluate(KEPT))
    assert page.get_by_label(PROMPT).input_value() == ""

    other_tab = context.new_page()
    other_tab.goto(served.at())
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other_tab):
        tab.get_by_role("button", name="Open").wait_for()
    kept = page.evaluate(KEPT)
    assert kept["databases"] == {}
    assert [name for name in kept["caches"] if not name.startswith("darkroom-shell/")] == []
    assert [entry for entry in kept["entries"] if entry != "darkroom.look"] == []


def test_a_sign_out_without_a_line_erases_at_once_and_the_rack_hears_of_it_later(context, served):
    page = _signed_in(context, served, "ada")
    page.goto(served.at("gallery"))
    _wait_until_kept(page, "ada")

    context.set_offline(True)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Open").wait_for()
    assert "ada" not in str(page.evaluate(KEPT))

    with context.expect_event("response", lambda a: a.request.method == "DELETE" and a.status == 200):
        context.set_offline(False)
    page.goto(served.at())
    page.get_by_role("button", name="Open").wait_for()


def test_after_an_upgrade_the_old_page_stays_whole_until_the_new_one_is_taken(context, served):
    page = _signed_in(context, served, "ada")
    _until(page, WORKER)
    before = _revision(page)
    gone = _upgrade(served.folder)

    page.goto(served.at("rack"))  # a screen that was never opened, of a build that the server no longer has
    page.get_by_role("heading", name="Rack", level=1).wait_for()
    assert page.evaluate("name => performance.getEntriesByName(name).length", served.at(gone)) == 1

    page.get_by_text("A new version of this page is here.").wait_for()
    with page.expect_navigation():
        page.get_by_role("button", name="Reload").click()
    page.get_by_role("heading", name="Rack", level=1).wait_for()
    _until(page, f"before => {SHELLS}.then(names => names.length === 1 && names[0] !== before)", before)
    assert page.evaluate("name => performance.getEntriesByName(name).length", served.at(gone)) == 0


def test_what_another_program_shares_waits_for_a_word_and_is_uploaded_then(context, served):
    page = _signed_in(context, served, "bob")
    _until(page, WORKER)
    with page.expect_navigation(url=re.compile(r"/ui/gallery")):
        page.evaluate(SHARE, [["shared.png", "image/png", _base64(png(40, 30))], ["notes.txt", "text/plain", "aGk="]])
    page.get_by_text("1 file was no picture.").wait_for()

    shared = page.get_by_role("region", name="1 shared picture waits for your word")
    shared.get_by_role("button", name="Upload", exact=True).click()

    page.get_by_text("1 picture is in the library").wait_for()


def test_over_plain_http_the_settings_say_what_is_off_and_why(context, served):
    page = _signed_in(context, served, "ada", host=ELSEWHERE)
    page.goto(served.at("settings", host=ELSEWHERE))

    page.get_by_text("browsers allow them only over HTTPS").wait_for()
    assert page.evaluate("[isSecureContext, 'serviceWorker' in navigator]") == [False, False]
    page.goto(served.at("settings"))
    _sign_in(page, "ada")
    page.get_by_text("Kept for offline use").wait_for()


def _signed_in(context: BrowserContext, served: Served, who: str, host: str = "127.0.0.1") -> Page:
    page = context.new_page()
    page.goto(served.at(host=host))
    _sign_in(page, who)
    page.get_by_label(PROMPT).wait_for()
    return page


def _sign_in(page: Page, who: str) -> None:
    page.get_by_label("Key").fill(KEYS[who])
    page.get_by_role("button", name="Open").click()


def _wait_until_kept(page: Page, who: str) -> dict[str, Any]:
    """Once the page is whole in the browser, and its gallery's pictures and rows; answers all that is kept."""
    _until(page, WORKER)
    page.reload()  # the pictures go through the worker now
    _until(page, SHOWN, 6)

    def kept() -> dict[str, Any] | None:
        found = page.evaluate(KEPT)
        lists = found["databases"].get(f"darkroom/{who}/kept", {})
        is_whole = found["caches"].get(f"darkroom/{who}/pictures", 0) > 6 and lists.get("rows", 0) > 6
        is_whole = is_whole and lists["answers"] > 2 and f"darkroom/{who}/uploads" in found["databases"]
        return dict(found) if is_whole else None

    found = wait_for(kept, what="pictures and rows in the browser")
    assert found
    return found


def _until(page: Page, expression: str, argument: Any = None) -> None:
    """As Playwright's own, which the page's policy refuses: it evaluates text in the page."""
    wait_for(lambda: page.evaluate(expression, argument), what=expression)


def _choose(page: Page, name: str, colour: tuple[int, int, int]) -> None:
    file = {"name": name, "mimeType": "image/png", "buffer": png(48, 32, colour)}
    page.locator("input[type=file]").first.set_input_files([file])


def _revision(page: Page) -> str:
    return str(page.evaluate(f"{SHELLS}.then(names => names[0])"))


def _upgrade(folder: Path) -> str:
    """Another build of the same page: all its named files have other names. Answers the old one of the rack's screen."""
    for copy in (*folder.rglob("*.br"), *folder.rglob("*.gz")):
        copy.unlink()
    files = sorted((folder / "assets").iterdir())
    anew = {file.name: file.name.replace("-", "-x", 1) for file in files}
    names = re.compile("|".join(re.escape(name) for name in anew))
    worker = (folder / "sw.js").read_text()
    for file in [*files, folder / "index.html"]:
        before = file.read_bytes()
        after = names.sub(lambda found: anew[found[0]], before.decode()).encode()
        file.write_bytes(after)
        worker = worker.replace(hashlib.sha256(before).hexdigest(), hashlib.sha256(after).hexdigest())
        file.rename(file.with_name(anew.get(file.name, file.name)))
    (revision,) = re.findall(r"=[`\"]([0-9a-f]{16})[`\"]", worker)
    (folder / "sw.js").write_text(names.sub(lambda found: anew[found[0]], worker).replace(revision, "0" * 16))
    return next(f"assets/{name}" for name in anew if name.startswith("RackScreen"))


def _base64(data: bytes) -> str:

    return base64.b64encode(data).decode()
