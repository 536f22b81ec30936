"""The gallery, the viewer and the rack in a real Chromium, over a library of 10,000 pictures."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Visit, barriers, shoot, until
from tests.page.filled import fill
from tests.rig import Rig, wait_for

PICTURES = 10_000
HOSTILE = 4
#: At 1280 × 800 and the usual size some 40 tiles are in sight, and as many again wait above and below.
MOST_TILES = 200
TILE = "[role=gridcell][data-id]"
#: Nothing that is in sight is still to come.
ARRIVED = f"""document.querySelector('{TILE} img') && !document.querySelector('[role=grid] .animate-pulse')
    && [...document.querySelectorAll('{TILE} img')].every(img => img.complete)"""
IN_SIGHT = f"""Object.fromEntries([...document.querySelectorAll('{TILE}')]
    .map(each => [each.dataset.id, Math.round(each.getBoundingClientRect().top)])
    .filter(([, top]) => top > 0 && top < innerHeight))"""

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def rig(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An API over the filled library; no workers, because nothing is made here."""
    with Rig(tmp_path_factory.mktemp("page")) as rig:
        rig.start_api()
        fill(rig.settings, PICTURES, owner=rig.http.get("/v1/session").json()["person"], hostile=HOSTILE)
        yield rig


@pytest.fixture(scope="module")
def address(rig: Rig) -> str:
    return str(rig.http.base_url).rstrip("/")


def test_what_the_policy_refuses_is_counted(visit: Visit, trouble: list[str]) -> None:
    page = visit("/settings")

    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { text: 'document.title = 1' }))"
    )
    wait_for(lambda: "Darkroom" in page.title() and trouble, what="a refusal")

    assert trouble.pop() == "refused: script-src-elem inline"


def test_ten_thousand_pictures_scroll_to_the_end_and_back_with_few_elements(rig: Rig, visit: Visit) -> None:
    page = gallery(visit)
    tiles, places = [], []

    for share in (0.15, 0.4, 0.65, 0.85, 1, 0.75, 0.5, 0.25, 0):
        scroll(page, share)
        tiles.append(page.locator(TILE).count())
        places.append(int(page.locator(TILE).first.get_attribute("data-place") or -1))

    assert max(tiles) <= MOST_TILES
    assert places[:5] == sorted(places[:5])
    assert places[4] > PICTURES - MOST_TILES
    assert places[-1] == 0


def test_what_is_looked_at_stays_where_it_is(visit: Visit) -> None:
    page = gallery(visit)
    scroll(page, 0.5)
    before = page.evaluate(IN_SIGHT)

    by_the_wheel(page, 3000)
    by_the_wheel(page, -3000)

    assert len(before) > 5
    assert page.evaluate(IN_SIGHT) == before


def test_who_comes_back_from_a_picture_finds_the_gallery_as_it_was(visit: Visit) -> None:
    page = gallery(visit)
    scroll(page, 0.7)
    before = page.evaluate(IN_SIGHT)
    middle = sorted(before, key=lambda each: abs(before[each] - 400))[0]

    page.locator(f"{TILE}[data-id='{middle}']").click()
    page.locator("[data-stage] img").first.wait_for()
    page.go_back()
    until(page, ARRIVED)

    assert page.evaluate(IN_SIGHT) == before


def test_the_bar_leads_to_the_first_month_by_one_key(rig: Rig, visit: Visit) -> None:
    oldest = rig.http.get("/v1/assets/buckets").json()["buckets"][-1]["month"]
    page = gallery(visit)

    page.get_by_role("slider", name="Month").press("End")
    page.locator(f"{TILE}[data-place='{PICTURES - 1}']").wait_for()

    assert str(oldest // 100) in page.locator("h2").last.inner_text()


def test_what_is_chosen_by_key_goes_to_the_trash_and_comes_back_by_one_key(rig: Rig, visit: Visit) -> None:
    page = gallery(visit)
    chosen = page.locator("[role=gridcell][aria-selected=true]")

    page.locator(f"{TILE}[tabindex='0']").press("x")
    for count in (2, 3, 4):
        page.keyboard.press("Shift+ArrowRight")
        until(page, "n => document.querySelectorAll('[aria-selected=true]').length === n", count)
    page.keyboard.press("Delete")
    chosen.first.wait_for(state="detached")
    wait_for(lambda: total(rig) == PICTURES - 4, what="four in the trash")
    page.keyboard.press("u")
    page.get_by_text("4 pictures are as before").wait_for()

    assert total(rig) == PICTURES


def test_rating_opening_and_coming_back_need_no_mouse(rig: Rig, visit: Visit) -> None:
    page = gallery(visit)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[role=gridcell]')"):
            break
    page.keyboard.press("ArrowRight")
    until(page, "document.activeElement.dataset.place === '1'")
    first = page.evaluate("document.activeElement.dataset.id")

    page.keyboard.press("4")
    wait_for(lambda: rig.http.get(f"/v1/assets/{first}").json()["stars"] == 4, what="four stars")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/picture/{first}")
    page.locator("[data-stage] img").first.wait_for()
    page.locator("[aria-current=true], [aria-current=page]").first.wait_for()
    page.keyboard.press("ArrowRight")
    until(page, "was => !location.pathname.endsWith(was)", first)
    second = page.url.rsplit("/", 1)[1]
    page.locator("[data-stage] img").first.wait_for()
    page.keyboard.press("Escape")

    until(page, "id => document.activeElement?.dataset.id === id", second)


def test_hostile_captions_prompts_tags_and_file_names_are_only_ever_text(visit: Visit) -> None:
    page = gallery(visit)

    for place in range(HOSTILE):
        page.locator(f"{TILE}[data-place='{place}']").click()
        page.locator("[data-stage] img").first.wait_for()
        page.get_by_role("complementary", name="About").get_by_text("document.title").first.wait_for()
        assert nothing_ran(page)
        page.keyboard.press("Escape")
        until(page, ARRIVED)

    assert nothing_ran(page)


def test_groups_of_thousands_that_look_alike_do_not_stop_the_page(rig: Rig, visit: Visit) -> None:
    groups = rig.http.get("/v1/assets/duplicates?notion=near&limit=30").json()["groups"]
    largest = max(len(group) for group in groups)
    page = visit("/duplicates")
    pictures = page.locator("main figure")
    pictures.first.wait_for()
    at_first = pictures.count()

    page.get_by_role("button", name=f"{largest - 12:,} more").click()
    until(page, f"document.querySelectorAll('main figure').length === {at_first + 12}")

    assert largest > 1000
    assert at_first <= 30 * 12
    assert page.get_by_role("button", name=f"trash the {largest - 1:,} others").count() == 1


def test_a_phone_shows_pictures_side_by_side_and_nothing_hangs_over(visit: Visit) -> None:
    page = gallery(visit, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    tops = list(page.evaluate(IN_SIGHT).values())
    shoot(page, "gallery-phone")

    page.locator(TILE).nth(1).tap()
    page.locator("[data-stage] img").first.wait_for()
    shoot(page, "viewer-phone")

    assert overflow <= 0
    assert tops.count(min(tops)) >= 2


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_on_any_screen_keeps_anybody_out(rig: Rig, visit: Visit, theme: str) -> None:
    newest = rig.http.get("/v1/assets?limit=1").json()["assets"][0]["id"]
    page = visit("/gallery", color_scheme=theme, reduced_motion="reduce")
    found = {}

    for name, path, sign in (
        ("gallery", "/gallery", f"{TILE} img"),
        ("viewer", f"/picture/{newest}", "[data-stage] img"),
        ("albums", "/albums", "main h1"),
        ("trash", "/trash", "main h2"),
        ("duplicates", "/duplicates", "main figure"),
        ("rack", "/rack", "main h2"),
        ("settings", "/settings", "main h2"),
    ):
        page.goto(f"/ui{path}")
        page.locator(sign).first.wait_for()
        until(page, "[...document.images].every(img => img.complete || img.loading === 'lazy')")
        shoot(page, f"{name}-{theme}")
        if seen := barriers(page):
            found[name] = seen

    assert found == {}


def gallery(visit: Visit, **options: Any) -> Page:
    page = visit("/gallery", **options)
    until(page, ARRIVED)
    return page


def scroll(page: Page, share: float) -> None:
    """Go to a part of the whole, as the bar does, and wait for what is there."""
    page.evaluate(
        "share => { const s = document.querySelector('[role=grid]').parentElement; s.scrollTop = share * s.scrollHeight }",
        share,
    )
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    until(page, ARRIVED)


def by_the_wheel(page: Page, down: int) -> None:
    at = page.evaluate("document.querySelector('[role=grid]').parentElement.scrollTop")
    page.mouse.move(600, 500)
    page.mouse.wheel(0, down)
    until(page, "to => Math.abs(document.querySelector('[role=grid]').parentElement.scrollTop - to) < 1", at + down)
    until(page, ARRIVED)


def nothing_ran(page: Page) -> bool:
    return page.title().endswith("Darkroom") and page.locator("img[onerror], svg[onload]").count() == 0


def total(rig: Rig) -> int:
    return int(rig.http.get("/v1/assets?limit=1").json()["total"])
