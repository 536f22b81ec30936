"""What a person waits for at the page, and what a tab costs, over a library of 100,000 assets in a real Chromium.

Run: `python -m tests.bench.bench_page OUT.json [--minutes 10]`. A whole stack on SQLite: Valkey, one API process, a worker
with a fake engine. Everything runs on the same cores, the browser's drawing too, so a busy machine tells little; what counts
there are requests, memory and the causes that stand beside the numbers. A part that breaks off says so in its row, and the
others go on; after each the file is written anew. Three quarters of the assets are whose the page is.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from api.library.database import Database
from api.library.migrating import prepare
from tests.bench import page_walks
from tests.bench.page_library import fill
from tests.bench.page_watch import CHROMIUM, AccessLog, Tab, launched, renderer_mb, tab
from tests.faults.stack import FaultRig

ASSETS = 100_000
#: Of each thing, of which the median counts.
RUNS = 7
#: Of use before memory is looked at. Ten were promised.
MINUTES = 2.0
#: How long requests of idle tabs are counted, at most, and those of tabs with running jobs.
IDLE_S, BUSY_S = 60.0, 20.0
#: Until a tab that nobody touches has asked for what it needs at first.
RESTS_MS = 2000
JOBS, MOST_STEPS = 8, 150
SCREENS = {"studio": "/", "gallery": "/gallery", "rack": "/rack"}
#: What the page sees of a tab that another one covers.
HIDDEN = "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })"
#: What was promised, on two cores.
AIMS = {
    "first_load.studio.usable_s": 1.0,
    "first_load.gallery.usable_s": 1.0,
    "interaction.longest_ms": 100,
    "scroll.long_share": 0.10,
    "use.heap_mb": 100,
    "idle.studio.requests_per_10_s": 1,
    "idle.gallery.requests_per_10_s": 1,
    "idle.rack.requests_per_10_s": 1,
    "idle.hidden.requests_per_10_s": 0,
    "busy.studio.requests_per_s": 2,
    "busy.gallery.requests_per_s": 2,
    "busy.rack.requests_per_s": 2,
}


class Bench:
    """A stack with a library, a browser, and what was measured of both."""

    def __init__(self, rig: FaultRig, browser: Browser, log: AccessLog, minutes: float) -> None:
        self.rig = rig
        self.browser = browser
        self.log = log
        self.minutes = minutes
        self.address = str(rig.http.base_url).rstrip("/")

    def first_load(self) -> dict[str, Any]:
        """Of the Studio and the gallery in turn; the calls are those of the load in the middle."""
        loads: dict[str, list[dict[str, Any]]] = {"studio": [], "gallery": []}
        for _ in range(RUNS):
            for screen, rows in loads.items():
                rows.append(page_walks.first_load(self.browser, self.address, SCREENS[screen]))
        middle = {
            screen: sorted(rows, key=lambda row: row["usable_s"])[len(rows) // 2] for screen, rows in loads.items()
        }
        return {
            screen: row | {"each_s": [each["usable_s"] for each in loads[screen]]} for screen, row in middle.items()
        }

    def interaction(self) -> dict[str, Any]:
        """The longest of a walk, and each deed of it."""
        walks = []
        for _ in range(RUNS):
            with tab(self.browser, self.address) as opened:
                walks.append(page_walks.interactions(opened))
        longest = [max(walk.values()) for walk in walks]
        deeds = sorted(page_walks.medians(walks).items(), key=lambda row: -row[1])
        return {"longest_ms": statistics.median(longest), "each_ms": longest, "by_deed_ms": dict(deeds)}

    def scroll(self) -> dict[str, Any]:
        """A new tab each time: nothing was seen before."""
        walks = []
        for _ in range(RUNS):
            with tab(self.browser, self.address, "/gallery") as opened:
                walks.append(page_walks.scroll(opened))
        causes = walks[-1].pop("causes")
        numbers = [{name: value for name, value in walk.items() if name != "causes"} for walk in walks]
        return page_walks.medians(numbers) | {"each": [walk["long_share"] for walk in walks], "causes": causes}

    def use_and_idle(self) -> dict[str, Any]:
        """Memory after some minutes of use; while nothing is made in the first half of them, idle tabs stand beside."""
        ends_at = time.monotonic() + 60 * self.minutes
        idle_s = min(IDLE_S, 30 * self.minutes)
        rounds, heaps = 0, []
        with tab(self.browser, self.address) as used:
            before = used.heap()
            with self._idle_tabs() as counted:
                counts_at = time.monotonic() + idle_s
                while time.monotonic() < counts_at:
                    page_walks.look_around(used, rounds)
                    rounds += 1
                idle = counted()
            while not heaps or time.monotonic() < ends_at:
                page_walks.look_around(used, rounds)
                page_walks.make_pictures(used, rounds)
                rounds += 1
                heaps.append(used.heap()["heap_mb"])
            # Pictures that were on their way when their screen was left stay until they have come.
            used.page.wait_for_timeout(2 * RESTS_MS)
            after = used.heap() | {"before_mb": before["heap_mb"], "renderer_mb": renderer_mb(self.browser)}
        return {
            "use": {"minutes": self.minutes, "rounds": rounds} | after | {"after_each_round_mb": heaps},
            "idle": idle,
        }

    @contextmanager
    def _idle_tabs(self) -> Iterator[Callable[[], dict[str, Any]]]:
        """A tab on each screen, and a hidden one; what they ask for from now on is what the call tells."""
        with ExitStack() as stack:
            for screen, path in (SCREENS | {"hidden": "/rack"}).items():
                opened = stack.enter_context(_resting(self.browser, self.address, path, f"idle {screen}"))
            opened.page.evaluate(HIDDEN)
            self.log.forget()
            since = time.monotonic()
            yield lambda: {name: self._rate(f"idle {name}", since, 10) for name in (*SCREENS, "hidden")}

    def busy(self) -> dict[str, Any]:
        """What tabs ask for while jobs run."""
        # As many steps as any model may take; the tabs need some time to open.
        fields = {"prompt": f"pace={round(1000 * (BUSY_S + 40) / MOST_STEPS)}", "steps": MOST_STEPS}
        ids = [str(self.rig.generate(**fields, seed=seed)["id"]) for seed in range(JOBS)]
        for job_id in ids:
            self.rig.wait_for_state(job_id, "running")
        with ExitStack() as stack:
            for screen, path in SCREENS.items():
                stack.enter_context(_resting(self.browser, self.address, path, f"busy {screen}"))
            self.log.forget()
            since = time.monotonic()
            time.sleep(BUSY_S)
            rows = {name: self._rate(f"busy {name}", since, 1) for name in SCREENS}
        running = [self.rig.job(job_id)["state"] for job_id in ids].count("running")
        for job_id in ids:
            self.rig.http.delete(f"/v1/jobs/{job_id}")
        return rows | {"jobs_that_ran_all_the_time": running}

    def _rate(self, agent: str, since: float, per_s: int) -> dict[str, Any]:
        """The page's own files are not counted: they are fetched once, and by a service worker whenever it likes."""
        asked = self.log.asked(agent)
        counted = sum(often for what, often in asked.items() if " /ui/" not in what)
        unit = "requests_per_s" if per_s == 1 else f"requests_per_{per_s}_s"
        return {unit: round(per_s * counted / (time.monotonic() - since), 2), "asked": dict(asked.most_common())}


@contextmanager
def _resting(browser: Browser, address: str, path: str, agent: str) -> Iterator[Tab]:
    """A tab that has asked for what it needs at first."""
    with tab(browser, address, path, agent) as opened:
        opened.page.wait_for_load_state("networkidle")
        opened.page.wait_for_timeout(RESTS_MS)
        yield opened


def misses(rows: dict[str, Any]) -> dict[str, Any]:
    """Of the aims, those that were not reached: [measured, promised]; measured is null where a part broke off."""
    found = {}
    for name, aim in AIMS.items():
        value: Any = rows
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None or value > aim:
            found[name] = [value, aim]
    return found


def measure(bench: Bench, out: Path) -> dict[str, Any]:
    """All parts; the file has what is known after each."""
    numbers: dict[str, Any] = {"aims": AIMS}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "first_load": bench.first_load,
        "interaction": bench.interaction,
        "scroll": bench.scroll,
        "busy": bench.busy,
        "use": bench.use_and_idle,
    }
    for name, part in parts.items():
        since = time.perf_counter()
        try:
            row = part()
        except Exception as exc:  # playwright's and the walks' own: what was measured before must not be lost
            row = {"broke_off": f"{type(exc).__name__}: {exc}"[:600]}
        numbers |= row if name == "use" and "use" in row else {name: row}
        numbers[name]["part_took_s"] = round(time.perf_counter() - since, 1)
        numbers["missed"] = misses(numbers)
        out.write_text(json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
        print(json.dumps({name: numbers[name]}, ensure_ascii=False), file=sys.stderr, flush=True)
    return numbers


@contextmanager
def prepared(folder: Path, assets: int, minutes: float) -> Iterator[Bench]:
    """A stack with a library, and a browser beside it."""
    file = folder / "access.log"
    environment = {"DARKROOM_MAX_BATCH": str(JOBS), "GUNICORN_CMD_ARGS": AccessLog.arguments(file)}
    with FaultRig(folder, **environment) as rig, sync_playwright() as playwright:
        rig.start_api().start_workers().wait_until_ready()
        database = Database(rig.settings, prepare)
        fill(rig.settings, database, assets)
        database.close()
        browser = launched(playwright)
        try:
            yield Bench(rig, browser, AccessLog(file), minutes)
        finally:
            browser.close()


def main(out: Path, minutes: float = MINUTES) -> dict[str, Any]:
    """Everything, about four minutes and those of use; without a browser nothing, and says so."""
    if CHROMIUM is None:
        return {"skipped": "there is no Chromium here: `apt-get install chromium`"}
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder), ASSETS, minutes) as bench:
        return measure(bench, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of use before memory is looked at")
    given = parser.parse_args()
    print(json.dumps(main(given.out, given.minutes), indent=2, ensure_ascii=False))
