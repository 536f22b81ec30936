"""What a search costs as a library grows: words, words and meaning, likeness, in milliseconds.

    python -m tests.bench.bench_search --sizes 1000,10000,100000 --folder FOLDER

Assets are made from metadata alone, in SQLite: captions, prompts and tags of a vocabulary whose words are as unequal as those
of a language (Zipf), vectors in clusters. A quarter of them is another person's. The encoder is taken to be warm: a query's
vector is given, so the encoder's own time and the way to its worker are not in these numbers.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from api.library.database import Database
from api.library.filters import AssetFilter, Viewer, conditions
from api.library.migrating import prepare
from api.library.search import Asked, Meaning, find, similar
from api.library.tables import Asset, AssetText, AssetVector, Position
from api.library.terms import read
from api.library.vectors import CHANGES, vectors_of
from shared.models.catalogue import load_catalogue
from shared.settings import Settings

VOCABULARY = 8000
#: Words of a caption and a prompt, and the tags.
CAPTION, PROMPT, TAGS = 15, 45, 5
AT_ONCE = 5000
RUNS = 40
ADA = Viewer("ada")
WORDS, LOOKS = ("minilm-l6", "words", 384), ("efficientnet-lite0", "looks", 256)
#: How far the members of a cluster lie apart.
SPREAD = 0.6


def fill(database: Database, size: int, seed: int = 1) -> None:
    """So many assets with words and vectors."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, VOCABULARY + 1)
    centres = {model: rng.standard_normal((200, dimensions)) for model, _, dimensions in (WORDS, LOOKS)}
    for start in range(0, size, AT_ONCE):
        numbers = range(start + 1, min(size, start + AT_ONCE) + 1)
        drawn = rng.choice(VOCABULARY, (len(numbers), CAPTION + PROMPT), p=weights / weights.sum())
        with database.writing() as session:
            session.execute(insert(Asset), [_asset(number) for number in numbers])
            session.execute(
                insert(AssetText), [_text(number, words) for number, words in zip(numbers, drawn.tolist(), strict=True)]
            )
            for place, (model, what, _) in enumerate((WORDS, LOOKS)):
                session.execute(insert(AssetVector), _vectors(numbers, model, what, place * size, centres[model], rng))
    with database.writing() as session:
        session.add(Position(name=CHANGES, value=str(2 * size)))


def _asset(number: int) -> dict[str, object]:
    return {
        "no": number,
        "id": f"ast_{number:024x}",
        "owner": "bob" if number % 4 == 0 else "ada",
        "picture": f"{number:040x}",
        "origin": "job",
        "kind": "generate",
        "model": "sdxl",
        "width": 1024,
        "height": 1024,
        "stars": number % 6,
        "created_ms": 1_790_000_000_000 + number,
        "month": 202609,
        "changed_ms": 0,
        "has_caption": True,
    }


def _text(number: int, words: list[int]) -> dict[str, object]:
    said = [f"w{word:x}" for word in words]
    return {
        "asset_no": number,
        "caption": " ".join(said[:CAPTION]),
        "prompt": " ".join(said[CAPTION:]),
        "tags": "\n".join(said[:TAGS]),
        "note": "",
    }


def _vectors(
    numbers: range, model: str, what: str, change: int, centres: np.ndarray, rng: np.random.Generator
) -> list[dict[str, object]]:
    chosen = centres[rng.integers(0, len(centres), len(numbers))]
    rows = chosen + SPREAD * rng.standard_normal(chosen.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [
        {
            "asset_no": number,
            "model": model,
            "what": what,
            "state": "made",
            "space": f"{model}:1:bench",
            "change": change + number,
            "halves": row.astype("<f2").tobytes(),
        }
        for number, row in zip(numbers, rows, strict=True)
    ]


def measure(database: Database, size: int) -> dict[str, float | int]:
    """Milliseconds of each kind of search: 95th percentiles of `RUNS`, after one that maps the files."""
    catalogue = load_catalogue(database.settings)
    with database.reading() as session:
        vectors = vectors_of(database, session)
    rng = np.random.default_rng(2)
    boxes = [f"w{rng.integers(0, 400):x}" for _ in range(RUNS // 2)] + [
        f"w{rng.integers(0, 40):x} w{rng.integers(0, 40):x}" for _ in range(RUNS // 2)
    ]
    some = [int(number) for number in rng.integers(1, size, RUNS) if number % 4]

    def meaning_of(session: Session, number: int) -> Meaning:
        halves = session.get_one(AssetVector, (number, WORDS[0])).halves or b""
        return Meaning(f"{WORDS[0]}:1:bench", np.frombuffer(halves, dtype="<f2").astype(np.float32), 0.25)

    def by_words(session: Session, run: int) -> int:
        return len(find(session, Asked(AssetFilter(), ADA, read(boxes[run]).query.words), vectors, catalogue))

    def by_both(session: Session, run: int) -> int:
        meaning = meaning_of(session, some[run % len(some)])
        asked = Asked(AssetFilter(), ADA, read(boxes[run]).query.words, (meaning,))
        return len(find(session, asked, vectors, catalogue))

    def by_looks(session: Session, run: int) -> int:
        must_hold = conditions(AssetFilter(scope="all"), ADA)
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
            began = time.perf_counter()
            once(session, max(0, run))
            took_ms.append(1000 * (time.perf_counter() - began))
    return round(statistics.quantiles(took_ms[1:], n=20)[-1], 1)


def main() -> None:
    """One line a size, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--folder", type=Path, required=True, help="a folder of its own; it is emptied")
    given = parser.parse_args()
    for size in map(int, given.sizes.split(",")):
        shutil.rmtree(given.folder, ignore_errors=True)
        database = Database(Settings(data_dir=given.folder), prepare)
        fill(database, size)
        print(json.dumps(measure(database, size)), flush=True)
        database.close()
    shutil.rmtree(given.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
