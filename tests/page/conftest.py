"""A real Chromium for the page's tests: visits that write down what went wrong in them, and pictures for a person to look at.

Every visit counts what the page's policy refused, uncaught errors and dialogs, wherever in it they happen; a test that made
a visit fails at its end if there was any. Only a missing Chromium skips a test, aloud.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rig import ROOT, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS = ROOT / "out/page"
#: A machine that is busy with other things takes its time, and a first picture takes a while.
LIMIT_MS = 60_000
#: The page's own axe where its packages are, else the one in a wheel: the check itself never depends on Node.
AXE = next(file for file in (ROOT / "api/web/node_modules/axe-core/axe.min.js", AXE_FILE_PATH) if file.exists())
WCAG = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
TELL_REFUSALS = (
    "addEventListener('securitypolicyviolation', e => tellRefusal(`${e.violatedDirective} ${e.blockedURI}`))"
)

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here, the page is not looked at: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def trouble() -> list[str]:
    """What went wrong in this test's visits so far: refusals of the policy, uncaught errors, dialogs."""
    return []


@pytest.fixture
def visit(browser: Browser, address: str, trouble: list[str]) -> Iterator[Visit]:
    """Opens a page at a path below /ui, in a context of its own. A file that asks for it has a fixture `address`, the API's."""

    def opened(path: str = "/", **options: Any) -> Page:
        wanted = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "color_scheme": "dark"} | options
        context = browser.new_context(base_url=address, **wanted)
        context.set_default_timeout(LIMIT_MS)
        context.expose_binding("tellRefusal", lambda _, what: trouble.append(f"refused: {what}"))
        context.add_init_script(TELL_REFUSALS)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(f"uncaught: {error.message}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"/ui{path}")
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert trouble == []


def until(page: Page, script: str, arg: Any = None) -> None:
    """Wait until a script is true. Asked from here, because the page's policy forbids Playwright's own way, which is `eval`."""
    wait_for(lambda: page.evaluate(script, arg), LIMIT_MS / 1000, script)


def shoot(page: Page, name: str) -> Path:
    """A picture of the screen in out/page/, as it is when nothing moves any more."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")
    return SHOTS / f"{name}.png"


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps somebody out, by the rules of WCAG 2.2 AA: the rule and the first element of each."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, { runOnly: rules })", WCAG)
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found["violations"]]
