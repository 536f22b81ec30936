"""What people do while the library is being killed: jobs that leave pictures, edits of assets, uploads; and what was answered.

Every request is repeated until the API has said yes or no, as a careful client does: so what counts as done was
acknowledged, and what was not acknowledged is asked again. One thread edits, so what an asset must be follows from the
answers alone.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
from PIL import Image

from shared.pictures.pixels import to_png

PAUSE_S, PATIENCE_S = 0.05, 90.0
#: Jobs kept in the system at once.
LIVE_JOBS = 12
#: Assets that one edit is for.
MOST_EDITED = 12
TAGS = ("harbour", "lamp", "snow")


@dataclass(frozen=True)
class Expected:
    """An asset as the answers say that it is."""

    stars: int = 0
    favourite: bool = False
    note: str = ""
    tags: frozenset[str] = frozenset()
    is_in_album: bool = False
    is_trashed: bool = False
    is_purged: bool = False


class Person(threading.Thread):
    """Does one thing after the other until told to stop. `failure` says what went wrong with it, if anything did."""

    def __init__(self, url: str, seed: object) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self.repeated = 0
        self.failure = ""
        self._http = httpx.Client(base_url=url, timeout=15)
        self._random = random.Random(f"{type(self).__name__} {seed}")
        self._is_over = threading.Event()
        self._pause = threading.Event()

    def run(self) -> None:
        try:
            while not self._is_over.wait(PAUSE_S):
                self.act()
        except Exception as exc:  # told in the outcome; a thread has nobody to raise it to
            self.failure = repr(exc)

    def act(self) -> None:
        """One thing."""
        raise NotImplementedError

    def stop(self) -> None:
        """What was asked is asked until it is answered."""
        self._is_over.set()
        self.join(2 * PATIENCE_S)

    def ask(self, method: str, path: str, *accepted: int, **request: Any) -> httpx.Response:
        """The first answer that is no 5xx.

        Raises:
            AssertionError: there was none for long, or it is none of those that are accepted.
        """
        ends_at = time.monotonic() + PATIENCE_S
        said = "nothing"
        while time.monotonic() < ends_at:
            try:
                answer = self._http.request(method, path, **request)
                said = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code < 500:
                    assert answer.status_code in accepted, f"{method} {path}: {said}"
                    return answer
            except httpx.TransportError as exc:
                said = repr(exc)
            self.repeated += 1
            self._pause.wait(PAUSE_S)
        raise AssertionError(f"{method} {path}: no answer within {PATIENCE_S:.0f} s, last {said}")


class Painter(Person):
    """Sends jobs, up to a number; `jobs` has those that were accepted."""

    def __init__(self, url: str, seed: object, most: int) -> None:
        super().__init__(url, seed)
        self.jobs: list[str] = []
        self._most = most
        self._live: set[str] = set()

    @property
    def is_done(self) -> bool:
        return len(self.jobs) >= self._most or not self.is_alive()

    def act(self) -> None:
        recent = list(self._live)
        if recent:
            rows = self.ask("GET", "/v1/jobs", 200, params={"ids": ",".join(recent)}).json()["jobs"]
            self._live = {row["id"] for row in rows if row["state"] in ("waiting", "queued", "running")}
        for _ in range(min(LIVE_JOBS - len(self._live), self._most - len(self.jobs))):
            number = len(self.jobs)
            body = {
                "model": "fault",
                "prompt": f"pace={self._random.randrange(1, 40)} a lamp"
                + self._random.choice(["", "", "", " raise=1"]),
                "steps": self._random.choice((1, 2, 4)),
                "width": 64,
                "height": 64,
                "n": self._random.choice((1, 1, 2)),
                # No two pictures are alike: the same bytes would be one asset.
                "seed": 10 * number,
            }
            sent = self.ask("POST", "/v1/generate", 202, json=body, headers={"Idempotency-Key": f"painter-{number}"})
            self.jobs.append(sent.json()["id"])
            self._live.add(self.jobs[-1])


class Uploader(Person):
    """Stores pictures; `stored` has the bytes of each that was acknowledged."""

    def __init__(self, url: str, seed: object) -> None:
        super().__init__(url, seed)
        self.stored: dict[str, bytes] = {}

    def act(self) -> None:
        pixels = np.random.default_rng(self._random.randrange(2**40)).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        data = to_png(Image.fromarray(pixels))
        answer = self.ask("POST", "/v1/images", 201, content=data, headers={"Content-Type": "image/png"})
        self.stored[answer.json()["id"]] = data
        self._pause.wait(2 * PAUSE_S)


class Editor(Person):
    """Edits assets; `expected` has what each must be."""

    def __init__(self, url: str, seed: object) -> None:
        super().__init__(url, seed)
        self.expected: dict[str, Expected] = {}
        self.edits = 0
        self._numbers = itertools.count(1)
        self.album = self.ask("POST", "/v1/albums", 201, json={"name": "of the house"}).json()["id"]

    def act(self) -> None:
        self._look()
        there = [each for each, known in self.expected.items() if not known.is_purged]
        if not there:
            return
        chosen = self._random.sample(there, min(len(there), self._random.randrange(1, MOST_EDITED)))
        act = self._random.choices([self._change, self._change_and_undo, self._purge], weights=[12, 4, 1])[0]
        act(chosen)
        self.edits += 1

    def _look(self) -> None:
        """Newcomers are as they were made."""
        for row in self.ask("GET", "/v1/assets", 200, params={"limit": 100}).json()["assets"]:
            self.expected.setdefault(row["id"], Expected())

    def _changes(self) -> tuple[dict[str, Any], Callable[[Expected], Expected]]:
        """A change, and what it makes of an asset."""
        stars, is_yes, number = self._random.randrange(6), self._random.random() < 0.6, next(self._numbers)
        tag = self._random.choice(TAGS)
        return self._random.choice(
            [
                ({"stars": stars}, lambda was: replace(was, stars=stars)),
                ({"favourite": is_yes}, lambda was: replace(was, favourite=is_yes)),
                ({"note": f"note {number}"}, lambda was: replace(was, note=f"note {number}")),
                ({"add_tags": [tag]}, lambda was: replace(was, tags=was.tags | {tag})),
                ({"remove_tags": [tag]}, lambda was: replace(was, tags=was.tags - {tag})),
                ({"add_to_album": self.album}, lambda was: replace(was, is_in_album=True)),
                ({"remove_from_album": self.album}, lambda was: replace(was, is_in_album=False)),
                ({"trashed": is_yes}, lambda was: replace(was, is_trashed=is_yes)),
            ]
        )

    def _change(self, chosen: Sequence[str]) -> str | None:
        changes, made = self._changes()
        answer = self.ask("PATCH", "/v1/assets", 200, json={"ids": list(chosen), "changes": changes}).json()
        self.expected |= {each: made(self.expected[each]) for each in chosen}
        token = answer["undo"]
        return str(token) if token else None

    def _change_and_undo(self, chosen: Sequence[str]) -> None:
        before = {each: self.expected[each] for each in chosen}
        if token := self._change(chosen):
            # 404: an undo before this one was done, and its answer got lost.
            self.ask("POST", "/v1/assets/undo", 200, 404, json={"undo": token})
            self.expected |= before

    def _purge(self, chosen: Sequence[str]) -> None:
        trashed = [each for each in chosen if self.expected[each].is_trashed]
        if trashed:
            # 410: it was done before, and the answer got lost.
            self.ask("POST", "/v1/assets/purge", 200, 410, json={"ids": trashed})
            self.expected |= {each: replace(self.expected[each], is_purged=True) for each in trashed}
