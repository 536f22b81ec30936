"""What a caller of the API waits for the library as it grows from 1,000 to 100,000 assets, while jobs come in beside.

Run: `python -m tests.bench.bench_library OUT.json`. A whole stack on SQLite: Valkey, one API process, a worker with a fake
engine that gets `SUBMITS_PER_S` jobs a second (each leaves an asset), and the small worker that keeps an encoder for queries.
`grown` has whole requests over HTTP, one after the other, by the clock: 95th percentiles; of bulk changes the longest of a few.
`worked` has the same requests in one process with nothing beside, by what the processor worked for them: a machine that others
use too tells little by the clock. What `bench_search` adds there has a query's meaning, which needs a worker otherwise.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
from sqlalchemy import select

from api.app import create_app
from api.library.database import Database
from api.library.migrating import prepare
from api.library.tables import Asset
from api.services import build_services
from shared.contracts.access import LOCAL
from shared.contracts.embedding import EmbedResult
from shared.pictures.stores import open_store
from shared.redis import keys
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings
from tests.bench import bench_search
from tests.bench.library_made import LAST_MS, LOOKS, WORDS, Space, grow, tag, word
from tests.faults.stack import FaultRig
from tests.rig import wait_for

SIZES = (1_000, 10_000, 100_000)
SUBMITS_PER_S = 20
#: Requests of a row; changes of many assets.
RUNS, ROUNDS = 60, 3
#: Assets of a bulk change.
BULK = 10_000
#: Queries that assets' vectors lie around, so that what they mean is found.
QUERIES = 40
#: Milliseconds that were promised, for 100,000 assets.
AIMS_MS = {
    "list_page": 30,
    "column_facets": 80,
    "tag_facets": 200,
    "text_search": 50,
    "hybrid_search": 100,
    "similar": 50,
    "bulk_stars_by_ids": 2_000,
}


class Submits(Thread):
    """Sends jobs at a steady pace until told to stop; `took_ms` has what each waited for its answer."""

    def __init__(self, url: str, per_s: float) -> None:
        super().__init__(name="submits", daemon=True)
        self.took_ms: list[float] = []
        self.refused = 0
        self._http = httpx.Client(base_url=url, timeout=30)
        self._pause_s = 1 / per_s
        self._is_over = Event()

    def run(self) -> None:
        began = due = time.perf_counter()
        while not self._is_over.wait(max(0.0, due - time.perf_counter())):
            number = round((due - began) / self._pause_s)
            due += self._pause_s
            words = f"{word(number % 500)} {word(number % 7)}"
            body = {
                "model": "fault",
                "prompt": f"pace=1 {words}",
                "steps": 1,
                "width": 64,
                "height": 64,
                "seed": number,
            }
            sent = time.perf_counter()
            answer = self._http.post("/v1/generate", json=body)
            self.took_ms.append(1000 * (time.perf_counter() - sent))
            self.refused += answer.status_code != 202

    def stop(self) -> None:
        self._is_over.set()
        self.join()
        self._http.close()


@contextmanager
def submits(url: str, per_s: float) -> Iterator[Submits]:
    """Jobs come in while the block runs."""
    load = Submits(url, per_s)
    load.start()
    try:
        yield load
    finally:
        load.stop()


class Caller:
    """Asks the API, and insists on an answer."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self._checked(self._http.get(path, params=query))

    def change(self, **body: Any) -> dict[str, Any]:
        return dict(self._checked(self._http.patch("/v1/assets", json=body)).json())

    def undo(self, token: str) -> None:
        self._checked(self._http.post("/v1/assets/undo", json={"undo": token}))

    @staticmethod
    def _checked(answer: httpx.Response) -> httpx.Response:
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return answer


def reads(caller: Caller, ids: list[str], queries: list[str]) -> dict[str, Callable[[int], httpx.Response]]:
    """Row → what is asked in its n-th run.

    Args:
        ids: of assets of the caller.
        queries: that an encoder knows.
    """
    rng = np.random.default_rng(5)
    common = [word(number) for number in rng.integers(0, 40, RUNS + 1)]
    rare = [word(number) for number in rng.integers(40, 400, RUNS + 1)]
    pages = page_cursors(caller)
    month = caller.get("/v1/assets/buckets").json()["buckets"][1]["month"]

    def text_of(run: int) -> str:
        # In quotes words are not asked for what they mean.
        return f'"{rare[run]}"' if run % 2 else f'"{common[run]}" "{common[run - 1]}"'

    columns = "model,kind,origin,stars,favourite,size"
    return {
        "list_page": lambda run: caller.get("/v1/assets", limit=100, cursor=pages[run % len(pages)]),
        "list_page_of_tiles": lambda run: caller.get("/v1/assets", limit=100, stacked=True),
        "list_page_of_stars": lambda run: caller.get("/v1/assets", limit=100, stars_min=run % 5 + 1),
        "list_page_of_a_tag": lambda run: caller.get("/v1/assets", limit=100, tag=tag(run % 50)),
        "column_facets": lambda run: caller.get("/v1/assets/facets", facets=columns),
        "column_facets_of_a_model": lambda run: caller.get("/v1/assets/facets", facets=columns, model="sdxl"),
        "tag_facets": lambda run: caller.get("/v1/assets/facets", facets="tag"),
        "tag_facets_of_a_model": lambda run: caller.get("/v1/assets/facets", facets="tag", model="sdxl"),
        "text_search": lambda run: caller.get("/v1/search", q=text_of(run), limit=100),
        "hybrid_search": lambda run: caller.get("/v1/search", q=queries[run % len(queries)], limit=100),
        "similar": lambda run: caller.get(f"/v1/assets/{ids[run * 101 % len(ids)]}/similar"),
        "month_buckets": lambda run: caller.get("/v1/assets/buckets"),
        "packed_month": lambda run: caller.get(f"/v1/assets/buckets/{month}"),
        "one_asset": lambda run: caller.get(f"/v1/assets/{ids[run * 37 % len(ids)]}"),
    }


def page_cursors(caller: Caller, most: int = 20) -> list[str]:
    """Cursors of pages from the first far down."""
    found, cursor = [""], ""
    while len(found) < most:
        cursor = caller.get("/v1/assets", limit=1000, cursor=cursor).json()["next_cursor"]
        if not cursor:
            break
        found.append(cursor)
    return found


def p95_ms(ask: Callable[[int], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """After one that warms up."""
    ask(0)
    took_ms = []
    for run in range(1, RUNS + 1):
        since = clock()
        ask(run)
        took_ms.append(1000 * (clock() - since))
    return round(statistics.quantiles(took_ms, n=20)[-1], 1)


def seconds(work: Callable[[], Any]) -> float:
    since = time.perf_counter()
    work()
    return time.perf_counter() - since


def bulk_ms(caller: Caller, chosen: dict[str, Any]) -> dict[str, float]:
    """Longest of a few changes of many assets, and of taking each back."""
    changes: dict[str, Callable[[int], dict[str, Any]]] = {
        "stars": lambda number: {"stars": number % 6},
        "tag": lambda number: {"add_tags": [f"of round {number}"]},
        "trash": lambda number: {"trashed": True},
    }
    way = next(iter(chosen))
    rows: dict[str, float] = {}
    for name, wanted in changes.items():
        there, back = [], []
        for number in range(ROUNDS):
            since = time.perf_counter()
            token = caller.change(**chosen, changes=wanted(number))["undo"]
            there.append(time.perf_counter() - since)
            if token is not None:
                back.append(seconds(lambda token=token: caller.undo(token)))  # type: ignore[misc]
        rows[f"bulk_{name}_by_{way}"] = round(1000 * max(there), 1)
        rows[f"undo_{name}_by_{way}"] = round(1000 * max(back), 1)
    return rows


def known_queries(rig: FaultRig) -> tuple[list[str], Space]:
    """Queries whose vectors the API has got, and the space they lie in; makes the encoder warm."""
    queries = [f"{word(number)} {word(number * 7 % 40)}" for number in range(1, QUERIES + 1)]

    def is_known(query: str) -> bool:
        return bool(rig.http.get("/v1/search", params={"q": query}).json()["semantic"])

    for query in queries:
        wait_for(lambda query=query: is_known(query), 120, f"a vector of {query!r}")  # type: ignore[misc]
    client = rig.store.redis
    stored = [client.get(key) for key in client.scan_iter(keys.query_vector("*"), count=1000)]
    results = [EmbedResult.model_validate_json(each) for each in stored if each]
    middles = np.stack([row for each in results for row in each.rows() if row is not None])
    return queries, Space(WORDS.model, "words", results[0].space, middles)


def mark_made(rig: FaultRig, database: Database) -> None:
    """The store's marks that assets of a real library have: the API would put them back meanwhile, file by file."""
    artifacts = open_store(rig.settings, rig.store.redis)
    with database.reading() as session:
        pictures = set(session.scalars(select(Asset.picture)))
    artifacts.keep(sorted(pictures - set(artifacts.kept_ids())))


def measure(rig: FaultRig, database: Database, size: int, queries: list[str], space: Space) -> dict[str, Any]:
    """All rows of one size."""
    with database.reading() as session:
        mine = select(Asset.id).where(Asset.owner == LOCAL, Asset.created_ms <= LAST_MS)
        ids = list(session.scalars(mine.order_by(Asset.no).limit(BULK)))
    caller = Caller(rig.http)
    asked = reads(caller, ids, queries)
    # Another query each time costs the encoder's time as well, as people's do.
    fresh = [f"{word(size % 97 + run)} {word(run * 3)}" for run in range(RUNS + 1)]
    answers: list[bool] = []

    def search_anew(run: int) -> None:
        answers.append(caller.get("/v1/search", q=fresh[run], limit=100).json()["semantic"])

    with submits(str(rig.http.base_url), SUBMITS_PER_S) as load:
        since = time.perf_counter()
        rows: dict[str, Any] = {name: p95_ms(ask) for name, ask in asked.items()}
        rows["hybrid_search_never_asked_before"] = p95_ms(search_anew)
        rows |= bulk_ms(caller, {"ids": ids}) | bulk_ms(
            caller, {"filter": {"kind": ["generate"], "before": "2026-01-01"}}
        )
        sent_for_s = time.perf_counter() - since
    return rows | {
        "assets_of_a_bulk_change_by_ids": len(ids),
        "semantic_of_never_asked_before": round(sum(answers) / len(answers), 2),
        "submits_per_s": round(len(load.took_ms) / sent_for_s, 1),
        "submits_refused": load.refused,
        "submit_p95": round(statistics.quantiles(load.took_ms, n=20)[-1], 1),
    }


def worked(folder: Path, size: int) -> dict[str, Any]:
    """Milliseconds of the processor for each request of one person to a made library."""
    server = EmbeddedRedis(folder / "redis")
    try:
        ours = build_services(Settings(redis_url=server.start(), data_dir=folder))
        grow(ours.library.database, 0, size)
        with ours.library.database.reading() as session:
            ids = list(session.scalars(select(Asset.id).where(Asset.owner == LOCAL).limit(BULK)))
        with httpx.Client(transport=httpx.WSGITransport(app=create_app(ours)), base_url="http://127.0.0.1") as http:
            asked = reads(Caller(http), ids, [word(1)])
            rows = {name: p95_ms(ask, time.process_time) for name, ask in asked.items() if name != "hybrid_search"}
        return rows | bench_search.measure(ours.library.database, size)
    finally:
        server.stop()


def misses(rows: dict[str, Any]) -> dict[str, list[float]]:
    """Of the rows with an aim, those that are above it: [measured, promised]."""
    return {name: [rows[name], aim] for name, aim in AIMS_MS.items() if rows[name] > aim}


def main(out: Path) -> dict[str, Any]:
    """All sizes, in one library that grows."""
    numbers: dict[str, Any] = {"unit": "ms", "aims": AIMS_MS, "grown": {}, "worked": {}}
    with tempfile.TemporaryDirectory() as folder, FaultRig(Path(folder), DARKROOM_EMBED_WORKERS="1") as rig:
        rig.start_api().start_workers()
        wait_for(lambda: len(rig.reports()) == 2, what="the worker and the small one beside it")
        queries, space = known_queries(rig)
        database = Database(rig.settings, prepare)
        for before, size in pairwise((0, *SIZES)):
            filling_s = seconds(lambda b=before, s=size: grow(database, b, s, (space, LOOKS)))  # type: ignore[misc]
            mark_made(rig, database)
            numbers["grown"][size] = measure(rig, database, size, queries, space) | {
                "made_per_s": round((size - before) / filling_s)
            }
            print(json.dumps(numbers["grown"][size]), file=sys.stderr, flush=True)
        database.close()
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            numbers["worked"][size] = worked(Path(folder), size)
    numbers["missed"] = misses(numbers["grown"][max(SIZES)])
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
