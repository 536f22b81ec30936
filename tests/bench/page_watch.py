"""A tab that is watched: what its browser measures by itself, and what its address book at the API says it asked for.

Interactions come from the Event Timing API (from the event to the next painted frame, in steps of 8 ms), long frames from
the Long Animation Frames API, memory from the debugger's protocol. Requests are counted in the API's own access log, where
those of a service worker stand too; tabs tell themselves apart by their user agent.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Software rendering, as in every test.
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
#: Longest wait for anything, ms: a machine may be busy with other things.
LIMIT_MS = 60_000
FIELD = "form textarea"
TILE = "[role=gridcell][data-id]"
#: What takes the first input of each screen.
USABLE = {"/": FIELD, "/gallery": f'{TILE}[tabindex="0"]', "/rack": "main h2"}
#: Runs in the page before its own scripts do. What takes input is there when it has been painted and the thread is free.
WATCH = """
(() => {
  const seen = (window.watched = { interactions: {}, long: [], frames: 0, usableMs: null })
  seen.usable = new Promise(told => {
    const look = () => {
      const found = document.querySelector(SELECTOR)
      if (!found || found.disabled) requestAnimationFrame(look)
      else requestAnimationFrame(() => setTimeout(() => told((seen.usableMs = performance.now()))))
    }
    requestAnimationFrame(look)
  })
  new PerformanceObserver(list => {
    for (const { interactionId: id, duration } of list.getEntries())
      if (id) seen.interactions[id] = Math.max(seen.interactions[id] ?? 0, duration)
  }).observe({ type: 'event', durationThreshold: 16, buffered: true })
  new PerformanceObserver(list => {
    for (const { duration, scripts } of list.getEntries()) {
      const forced = scripts.reduce((sum, script) => sum + script.forcedStyleAndLayoutDuration, 0)
      const worst = scripts.toSorted((a, b) => b.duration - a.duration)[0]
      seen.long.push({ ms: duration, forced_ms: forced, by: worst ? `${worst.invoker} ${worst.sourceFunctionName}` : '' })
    }
  }).observe({ type: 'long-animation-frame', buffered: true })
  const count = () => { seen.frames += 1; requestAnimationFrame(count) }
  requestAnimationFrame(count)
})()
"""
#: Everything that the last deed led to is drawn, and what was measured of it has been told.
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))))"


@dataclass(frozen=True)
class Tab:
    """One page in a browser context of its own: nothing is cached at first."""

    page: Page
    address: str

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}/ui{path}")
        self.page.evaluate("watched.usable")

    def settle(self) -> None:
        self.page.evaluate(SETTLED)

    def read(self, what: str) -> Any:
        """One thing that is watched."""
        return self.page.evaluate(f"watched.{what}")

    def forget(self) -> None:
        """Begin to watch anew."""
        self.settle()
        self.page.evaluate("Object.assign(watched, { interactions: {}, long: [], frames: 0 })")

    def heap(self) -> dict[str, float]:
        """MB of JavaScript's heap after what nobody needs was collected, and what else the page holds."""
        debugger = self.page.context.new_cdp_session(self.page)
        for _ in range(2):  # what the first one frees may have held more
            debugger.send("HeapProfiler.collectGarbage")
        used = debugger.send("Runtime.getHeapUsage")
        holds = debugger.send("Memory.getDOMCounters")
        debugger.detach()
        return {
            "heap_mb": round(used["usedSize"] / 1e6, 1),
            "buffers_mb": round(used.get("backingStorageSize", 0) / 1e6, 1),
            "nodes": holds["nodes"],
            "listeners": holds["jsEventListeners"],
        }


@contextmanager
def tab(browser: Browser, address: str, path: str = "/", agent: str = "bench") -> Iterator[Tab]:
    """A tab that is at a path of the page when the block begins."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", user_agent=agent)
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    page.add_init_script(WATCH.replace("SELECTOR", repr(USABLE[path])))
    opened = Tab(page, address)
    try:
        opened.go(path)
        yield opened
    finally:
        context.close()


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


def renderer_mb(browser: Browser) -> float:
    """What the largest renderer holds for itself alone (USS)."""
    debugger = browser.new_browser_cdp_session()
    running = debugger.send("SystemInfo.getProcessInfo")["processInfo"]
    debugger.detach()
    sizes = [psutil.Process(each["id"]).memory_full_info().uss for each in running if each["type"] == "renderer"]
    return round(max(sizes) / 1e6, 1)


class AccessLog:
    """What the API was asked, as gunicorn writes it down.

    Args:
        file: what `arguments` of the same file let gunicorn write.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_from = 0

    @staticmethod
    def arguments(file: Path) -> str:
        """For GUNICORN_CMD_ARGS."""
        return f"--access-logfile={file} --access-logformat='%(m)s|%(U)s|%(a)s'"

    def forget(self) -> None:
        """What was asked so far does not count."""
        self._read_from = self._file.stat().st_size

    def asked(self, agent: str) -> Counter[str]:
        """Method and path → how often this user agent asked for it since then; ids in paths are left out."""
        with self._file.open() as file:
            file.seek(self._read_from)
            lines = [line.rstrip("\n").split("|", 2) for line in file]
        return Counter(f"{method} {_without_ids(path)}" for method, path, said in lines if said == agent)


def _without_ids(path: str) -> str:
    return "/".join("…" if part[4:] and part[3:4] == "_" else part for part in path.split("/"))
