"""What a search costs as a library grows: words, words and meaning, likeness, in milliseconds.

    python -m tests.bench.bench_search --sizes 1000,10000,100000 --folder FOLDER

The library's own time, in one process, on SQLite, of assets that `library_made` makes. The encoder is taken to be warm: a
query's vector is given, so the encoder's own time and the way to its worker are not in these numbers. What a caller of the
API waits, with all of that, is in `bench_library`.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.migrating import prepare
from api.library.search import Asked, Meaning, find, similar
from api.library.tables import AssetVector
from api.library.terms import read
from api.library.vectors import vectors_of
from shared.contracts.access import LOCAL
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from tests.bench.library_made import EVERY_OTHER, WORDS, Space, grow, word

RUNS = 40
VIEWER = Viewer(LOCAL)


def measure(database: Database, size: int, space: Space = WORDS) -> dict[str, float | int]:
    """Milliseconds of each kind of search: 95th percentiles of `RUNS`, after one that maps the files."""
    catalogue = load_catalogue(database.settings)
    with database.reading() as session:
        vectors = vectors_of(database, session)
    rng = np.random.default_rng(2)
    boxes = [word(rng.integers(0, 400)) for _ in range(RUNS // 2)] + [
        f"{word(rng.integers(0, 40))} {word(rng.integers(0, 40))}" for _ in range(RUNS // 2)
    ]
    # Rows are numbered from 1, assets from 0.
    some = [int(number) for number in rng.integers(1, size + 1, RUNS) if (number - 1) % EVERY_OTHER]

    def meaning_of(session: Session, number: int) -> Meaning:
        halves = session.get_one(AssetVector, (number, space.model)).halves or b""
        return Meaning(space.name, np.frombuffer(halves, dtype="<f2").astype(np.float32), 0.25)

    def by_words(session: Session, run: int) -> int:
        return len(find(session, Asked(AssetFilter(), VIEWER, read(boxes[run]).query.words), vectors, catalogue))

    def by_both(session: Session, run: int) -> int:
        meaning = meaning_of(session, some[run % len(some)])
        asked = Asked(AssetFilter(), VIEWER, read(boxes[run]).query.words, (meaning,))
        return len(find(session, asked, vectors, catalogue))

    def by_looks(session: Session, run: int) -> int:
        must_hold = conditions(AssetFilter(scope="all"), VIEWER)
        return len(similar(session, some[run % len(some)], vectors, catalogue, must_hold, 50))

    return {
        "assets": size,
        "text_ms_p95": _p95(database, by_words),
        "hybrid_ms_p95": _p95(database, by_both),
        "similar_ms_p95": _p95(database, by_looks),
    }


def _p95(database: Database, once: Callable[[Session, int], int]) -> float:
    took_ms = []
    for run in range(-1, RUNS):
        with database.reading() as session:
            # What the processor worked: a machine that others use too tells little by the clock.
            began = time.process_time()
            once(session, max(0, run))
            took_ms.append(1000 * (time.process_time() - began))
    return round(statistics.quantiles(took_ms[1:], n=20)[-1], 1)


def measured(folder: Path, size: int) -> dict[str, float | int]:
    """A library of that size, made in an empty folder, and what its searches cost."""
    database = Database(Settings(data_dir=folder), prepare)
    grow(database, 0, size)
    try:
        return measure(database, size)
    finally:
        database.close()


def main() -> None:
    """One line a size, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--folder", type=Path, required=True, help="a folder of its own; it is emptied")
    given = parser.parse_args()
    for size in map(int, given.sizes.split(",")):
        shutil.rmtree(given.folder, ignore_errors=True)
        print(json.dumps(measured(given.folder, size)), flush=True)
    shutil.rmtree(given.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
