"""The Studio in a real browser, against a real stack with the starter models."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.rig import ROOT, running_stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS = ROOT / "out/page"
#: On a busy machine a first picture takes a while.
LIMIT_MS = 60_000
COUNT_VIOLATIONS = "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.blockedURI));"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `apt-get install chromium`")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory):
    with running_stack(tmp_path_factory.mktemp("stack")) as rig:
        yield rig


@pytest.fixture
def page(stack):
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(locale="en-US", color_scheme="dark").new_page()
        page.set_default_timeout(LIMIT_MS)
        page.add_init_script(COUNT_VIOLATIONS)
        page.goto(f"http://127.0.0.1:{stack.port}/ui/")
        yield page
        browser.close()


def test_a_first_visit_makes_a_picture_with_one_click(page):
    page.get_by_role("button", name="a red boat on the sea at dusk").click()

    page.get_by_role("img", name="a red boat on the sea at dusk").wait_for()
    _shoot(page, "studio-dark")
    assert page.evaluate("refused") == []


def _shoot(page, name: str) -> Path:
    file = SHOTS / f"{name}.png"
    page.screenshot(path=file)
    return file
