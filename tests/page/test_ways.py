"""The page by touch on a phone, by keyboard alone, and asked about a picture: real models, no keys."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import LIMIT_MS, Visit, barriers, shoot, until
from tests.rig import Rig, running_stack, wait_for

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
BOAT = "a red boat on the sea at dusk"
#: CSS pixels, WCAG 2.2 "Target Size (Minimum)"; a link within a line of text may be smaller.
LEAST_TARGET = 24
SMALL_TARGETS = """least => [
    ...document.querySelectorAll('a[href], button, input:not([type=file]), select, summary, [role=slider]')]
    .map(each => each.closest('label') ?? each)
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.width > 1 && each.checkVisibility() && (box.width < least || box.height < least))
    .map(([each]) => each.outerHTML.slice(0, 120))"""
#: A strip that scrolls sideways and a picture that is zoomed do so on purpose.
HANGS_OVER = """[...document.querySelectorAll('body *')]
    .filter(each => each.checkVisibility())
    .filter(each => !each.closest('.sr-only, [data-stage], [aria-label="Pictures beside it"]'))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.right > innerWidth + 1 || box.left < -1))
    .map(([each]) => each.outerHTML.slice(0, 120))"""
#: What is drawn around what has the focus; a field shows it by its border too.
OUTLINE = "(each => [each.tagName, getComputedStyle(each).outlineStyle])(document.activeElement)"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rig(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    expect.set_options(timeout=LIMIT_MS)
    with running_stack(tmp_path_factory.mktemp("ways")) as rig:
        yield rig
    expect.set_options(timeout=5000)


@pytest.fixture(scope="module")
def address(rig: Rig) -> str:
    return str(rig.http.base_url).rstrip("/")


@pytest.fixture(scope="module")
def boats(rig: Rig) -> list[str]:
    """Assets of two pictures, the newest first."""
    job = rig.generate(prompt=BOAT, model="sdxl-starter", width=128, height=128, n=2)["id"]
    rig.finish(job)
    found = wait_for(
        lambda: rig.http.get("/v1/assets", params={"q": f"job:{job}"}).json()["assets"][:2], what="two assets"
    )
    return [each["id"] for each in found]


def test_by_keyboard_alone_a_first_visit_makes_a_picture_opens_rates_and_finds_it(
    boats: list[str], visit: Visit
) -> None:
    page = visit("/")
    tab_to(page, "textbox", "What should it show?")
    page.keyboard.type("a yellow balloon above a meadow")
    page.keyboard.press("Control+Enter")
    page.get_by_role("img", name="a yellow balloon above a meadow").wait_for()

    tab_to(page, "link", "a yellow balloon above a meadow")
    page.keyboard.press("Enter")
    page.wait_for_url("**/picture/ast_*")
    page.locator("[data-stage] img").first.wait_for()
    page.keyboard.press("5")
    expect(page.get_by_role("button", name="5 stars")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.get_by_role("img", name="a yellow balloon above a meadow").wait_for()
    page.keyboard.press("Alt+2")
    page.locator("[role=gridcell]").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("balloon stars:5")
    page.keyboard.press("Enter")
    expect(page.locator("[role=gridcell]")).to_have_count(1)
    tab_to(page, "gridcell", "")
    page.keyboard.press("Enter")
    page.wait_for_url("**/picture/*")


def test_the_sheet_lists_the_keys_and_gives_the_focus_back_and_letters_can_be_switched_off(visit: Visit) -> None:
    page = visit("/gallery")
    search = page.get_by_label("Search pictures")
    search.wait_for()
    tab_to(page, "link", "Albums")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    sheet.get_by_text("Everywhere").wait_for()
    shoot(page, "keys-dark")
    page.keyboard.press("Escape")
    sheet.wait_for(state="detached")
    expect(page.get_by_role("link", name="Albums")).to_be_focused()

    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+7")
    tab_to(page, "switch", "Single letters act as keys")
    page.keyboard.press("Space")
    page.keyboard.press("Alt+2")
    search.wait_for()
    page.get_by_role("link", name="Albums").focus()
    page.keyboard.press("/")
    page.keyboard.press("?")

    sheet.wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Albums")).to_be_focused()


def test_on_a_phone_a_picture_is_made_opened_swiped_and_closed_by_touch(boats: list[str], visit: Visit) -> None:
    page = visit("/", **PHONE)
    page.get_by_label("What should it show?").fill("two blue houses in the snow at night")
    page.get_by_role("button", name="Develop").tap()
    made = page.get_by_role("img", name="two blue houses in the snow at night")
    made.wait_for()
    expect(made).to_be_in_viewport()
    shoot(page, "studio-phone-dark")
    made.tap()
    page.locator("[data-stage] img").first.wait_for()
    page.get_by_role("button", name="Back").tap()
    made.wait_for()
    page.get_by_role("link", name="Gallery").tap()
    page.locator("[role=gridcell] img").nth(1).wait_for()
    page.locator("[role=gridcell]").first.tap()
    page.locator("[data-stage] img").first.wait_for()
    page.get_by_label("Pictures beside it").locator("img").nth(1).wait_for()
    first = page.url
    swipe(page, -220)
    until(page, "was => location.href !== was", first)
    swipe(page, 220)
    until(page, "was => location.href === was", first)
    shoot(page, "viewer-phone-dark")
    # Not a tap: Playwright's own touches are lost after those that were sent past it.
    page.get_by_role("button", name="Back").click()
    page.locator("[role=gridcell] img").first.wait_for()


@pytest.mark.parametrize(
    "path", ["/", "/gallery", "/albums", "/duplicates", "/trash", "/rack", "/settings", "/picture"]
)
def test_on_a_phone_nothing_hangs_over_and_every_target_is_large_enough(
    path: str, boats: list[str], visit: Visit
) -> None:
    page = visit(f"/picture/{boats[0]}" if path == "/picture" else path, **PHONE)
    page.get_by_role("navigation", name="Screens").wait_for()
    page.wait_for_load_state("networkidle")

    assert page.evaluate(HANGS_OVER) == []
    assert page.evaluate(SMALL_TARGETS, LEAST_TARGET) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_asked_a_question_the_picture_answers_in_words_and_what_is_looked_for_is_boxed(
    theme: str, boats: list[str], visit: Visit
) -> None:
    page = visit(f"/picture/{boats[0]}", color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    question = page.get_by_label("Question")
    about = page.get_by_role("complementary", name="About")

    question.fill("what colour is the boat?")
    question.press("Enter")
    answer = about.locator("section", has=page.get_by_role("heading", name="Ask the picture")).locator("dd").first
    answer.wait_for()
    question.fill("boat")
    about.get_by_role("button", name="Find").click()
    about.get_by_text(re.compile(r"\d+ × boat")).wait_for()

    assert "red" in answer.inner_text().lower()
    marks = page.locator("[data-stage] span.border-accent")
    assert marks.count() >= 1
    box, picture = marks.first.bounding_box(), page.locator("[data-stage] img").first.bounding_box()
    assert box is not None
    assert picture is not None
    assert picture["x"] - 1 <= box["x"]
    assert box["x"] + box["width"] <= picture["x"] + picture["width"] + 1
    assert 0 < box["height"] <= picture["height"] + 1
    assert barriers(page) == []
    shoot(page, f"ask-{theme}")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_studio_and_running_uploads_keep_nobody_out(theme: str, boats: list[str], visit: Visit, tmp_path) -> None:
    page = visit("/", color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    page.get_by_role("img", name=BOAT).first.wait_for()
    page.locator("summary", has_text="Advanced").click()
    studio = barriers(page)
    shoot(page, f"studio-{theme}")
    page.get_by_role("link", name="Gallery").click()
    (tmp_path / "no picture.png").write_bytes(b"not a picture")
    page.locator("[role=gridcell] img").first.wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "no picture.png")
    page.get_by_role("button", name="1 file could not be taken").click()

    assert studio + barriers(page) == []
    shoot(page, f"uploads-{theme}")


def tab_to(page: Page, role: str, name: str) -> None:
    """Tab until that has the focus; what has it on the way is seen to have it."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
    for _ in range(60):
        page.keyboard.press("Tab")
        tag, outline = page.evaluate(OUTLINE)
        assert tag == "BODY" or outline != "none", page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if wanted.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"no way to {role} {name} by Tab")


def swipe(page: Page, by_px: int) -> None:
    """One finger over the middle of the picture."""
    touch = page.context.new_cdp_session(page)
    x, y = 180 - by_px / 2, 300
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in range(1, 6):
        point = {"x": x + by_px * part / 5, "y": y}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touch.detach()
