"""What people do on the page, as a script: a first look, a walk of clicks and keys, a scroll through everything, an hour's use.

Every deed waits for what it leads to, so that nothing is measured of a page that did not do it. Elements are found by their
roles and addresses, not by words, which change.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser

from tests.bench.page_watch import FIELD, TILE, Tab, tab

#: Pixels and pixels a second of a wheel that is turned quickly.
WHEEL_PX, WHEEL_PX_PER_S = 12_000, 5_000
#: Moves of a pointer that drags the bar beside the pictures from end to end, and the pause between two, ms.
DRAG_MOVES, DRAG_PAUSE_MS = 80, 25
SEARCH = "main input[type=search], main input[role=combobox], main header input"
DIALOG = "[role=dialog], dialog[open]"
SCROLLER = "document.querySelector('[role=grid]').parentElement"
FOCUSED = f'{TILE}[tabindex="0"]'
#: What was loaded until the screen could be used.
LOADED = """
() => {
  const usableMs = watched.usableMs
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  const until = all.filter(each => each.startTime < usableMs)
  const calls = until.filter(each => each.name.includes('/v1/') && !each.name.includes('/images/'))
  const told = ({ name, startTime, responseEnd }) =>
    `${new URL(name).pathname.slice(0, 40)} ${Math.round(startTime)}–${Math.round(responseEnd)} ms`
  const kib = Math.round(until.reduce((sum, each) => sum + each.transferSize, 0) / 1024)
  return { requests: until.length, kib, calls: calls.map(told) }
}
"""


def first_load(browser: Browser, address: str, path: str) -> dict[str, Any]:
    """Seconds from the address to a screen that takes input, with nothing cached."""
    with tab(browser, address, path) as opened:
        row = {"usable_s": round(opened.read("usableMs") / 1000, 3), **opened.page.evaluate(LOADED)}
        if path == "/":
            opened.page.locator(FIELD).first.press("a")
            assert opened.page.locator(FIELD).first.input_value() == "a", "the field takes no input"
        else:
            opened.page.locator(FOCUSED).press("ArrowRight")
            opened.page.locator(f'{TILE}[data-place="1"][tabindex="0"]').wait_for()
        return row


def interactions(opened: Tab) -> dict[str, float]:
    """Deed → its longest interaction, ms; one that was quicker than can be measured counts as 16. From the Studio on."""
    page = opened.page
    rows: dict[str, float] = {}

    def deed(name: str, act: Callable[[], Any], shows: str = "") -> None:
        opened.forget()
        act()
        if shows:
            page.locator(shows).first.wait_for()
        opened.settle()
        rows[name] = max([16.0, *opened.read("interactions").values()])

    def press(*keys: str) -> Callable[[], None]:
        return lambda: [page.keyboard.press(key) for key in keys] and None

    prompt = page.locator(FIELD).first
    deed("studio: type a prompt", lambda: prompt.press_sequentially("a red boat at dusk"))
    deed("studio: open the models", page.locator("form button.card[aria-haspopup=dialog]").first.click, DIALOG)
    deed("studio: close the models", press("Escape"))
    deed("go to the gallery", page.locator('nav a[href="/ui/gallery"]').click, FOCUSED)
    page.locator(f"{TILE} img").first.wait_for()
    page.locator(FOCUSED).focus()
    deed("gallery: walk by arrows", press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"))
    deed("gallery: page down", press("PageDown", "PageDown"))
    deed("gallery: to the end", press("End"))
    deed("gallery: to the beginning", press("Home"), f'{TILE}[data-place="0"][tabindex="0"]')
    page.locator(f'{TILE}[data-place="0"]').focus()
    deed("gallery: choose four", press("x", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"))
    deed("gallery: choose all", press("Control+a"))
    deed("gallery: choose none", press("Escape"))
    deed("gallery: stars", press("4"))
    deed("gallery: undo", press("u"))
    deed("gallery: larger and smaller", press("+", "-"))
    deed("gallery: open a picture", lambda: page.locator(FOCUSED).press("Enter"), "[data-stage]")
    deed("viewer: next", press("ArrowRight", "ArrowRight"))
    deed("viewer: info off and on", press("i", "i"))
    deed("viewer: back", press("Escape"), FOCUSED)
    deed("gallery: type a search", lambda: page.locator(SEARCH).first.press_sequentially("w1"))
    deed("gallery: clear it", lambda: page.locator(SEARCH).first.fill(""), FOCUSED)
    deed("go to the rack", page.locator('nav a[href="/ui/rack"]').click, "main h2")
    deed("go to the settings", page.locator('nav a[href="/ui/settings"]').click, "main h1")
    deed("go to the Studio", page.locator('nav a[href="/ui/"]').click, FIELD)
    return rows


def scroll(opened: Tab) -> dict[str, Any]:
    """Shares of frames over 50 ms: a quick wheel from the top, then the bar dragged over the whole library. In the gallery."""
    page = opened.page
    page.evaluate(f"{SCROLLER}.scrollTop = 0")
    page.locator(f"{TILE} img").first.wait_for()
    parts = {"wheel": _wheel, "bar": _drag}
    rows: dict[str, Any] = {}
    frames = long = 0
    causes: Counter[str] = Counter()
    for name, act in parts.items():
        opened.forget()
        since = time.perf_counter()
        act(opened)
        opened.settle()
        took_s = time.perf_counter() - since
        seen, drawn = opened.read("long"), opened.read("frames")
        rows[f"{name}_long_share"] = round(len(seen) / max(1, drawn), 3)
        rows[f"{name}_frames_per_s"] = round(drawn / took_s, 1)
        rows[f"{name}_longest_ms"] = round(max((each["ms"] for each in seen), default=0))
        rows[f"{name}_forced_layout_ms"] = round(sum(each["forced_ms"] for each in seen))
        frames, long = frames + drawn, long + len(seen)
        causes.update(each["by"] for each in seen)
    return rows | {"long_share": round(long / max(1, frames), 3), "causes": dict(causes.most_common(4))}


def _wheel(opened: Tab) -> None:
    box = opened.page.locator("[role=grid]").locator("..").bounding_box() or {}
    debugger = opened.page.context.new_cdp_session(opened.page)
    turned = {"x": box["x"] + 300, "y": box["y"] + 200, "yDistance": -WHEEL_PX, "speed": WHEEL_PX_PER_S}
    debugger.send("Input.synthesizeScrollGesture", turned | {"gestureSourceType": "mouse", "preventFling": True})
    debugger.detach()
    assert opened.page.evaluate(f"{SCROLLER}.scrollTop") > WHEEL_PX / 2, "the wheel did not scroll"


def _drag(opened: Tab) -> None:
    mouse = opened.page.mouse
    box = opened.page.locator("main [role=slider]").last.bounding_box() or {}
    x, top = box["x"] + box["width"] / 2, box["y"] + 2
    mouse.move(x, top)
    mouse.down()
    for move in range(1, DRAG_MOVES + 1):
        mouse.move(x, top + (box["height"] - 4) * move / DRAG_MOVES)
        opened.page.wait_for_timeout(DRAG_PAUSE_MS)
    mouse.up()
    opened.page.locator(f"{TILE} img").first.wait_for()


def look_around(opened: Tab, round_no: int) -> None:
    """A round of somebody who looks at their pictures: no two rounds see the same ones."""
    page = opened.page
    page.locator('nav a[href="/ui/gallery"]').click()
    page.locator(f"{TILE} img").first.wait_for()
    page.evaluate(f"at => {{ const s = {SCROLLER}; s.scrollTop = at * s.scrollHeight }}", (round_no * 0.37) % 1)
    page.locator(f"{TILE} img").first.wait_for()
    opened.settle()
    page.locator(f"{TILE}:has(img)").last.click()
    page.locator("[data-stage]").wait_for()
    for key in ("ArrowRight", "ArrowRight", "i", "i", "ArrowLeft", "Escape"):
        page.keyboard.press(key)
        opened.settle()
    page.locator(FOCUSED).wait_for()
    page.locator(SEARCH).first.fill(f'"w{round_no % 90:x}"')
    page.locator(f"{TILE} img").first.wait_for()
    page.locator(SEARCH).first.fill("")
    for place in ("albums", "rack", "settings", "trash", ""):
        page.locator(f'nav a[href="/ui/{place}"]').click()
        opened.settle()
    page.locator(FIELD).first.wait_for()


def make_pictures(opened: Tab, round_no: int) -> None:
    """A round of somebody who makes a picture and waits for it. From the Studio on."""
    page = opened.page
    page.locator(FIELD).first.fill(f"pace=40 a boat number {round_no}")
    page.keyboard.press("Control+Enter")
    page.locator(f'main li img[alt$="number {round_no}"]').first.wait_for()


def medians(walks: list[dict[str, float]]) -> dict[str, float]:
    """Row → its median over all walks."""
    return {name: round(statistics.median(walk[name] for walk in walks), 3) for name in walks[0]}
