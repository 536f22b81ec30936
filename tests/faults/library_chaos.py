"""Kill API, workers, Valkey and PostgreSQL at random while people make, edit and store pictures, then check what they were told.

    python -m tests.faults.library_chaos --jobs 2000 --seed 1 [--postgresql]

The schedule follows from the seed; what it meets does not. Exits with 1 on any violation.
"""

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from api.library.database import Database
from api.library.migrating import prepare
from shared.pictures.folder_store import FolderStore
from tests.faults import library_ledger
from tests.faults.library_load import Editor, Painter, Person, Uploader
from tests.faults.stack import FaultRig, fault_stack
from tests.postgresql import PostgreSQL, start_postgresql
from tests.rig import wait_for

#: Assets that are there to be edited when the blows begin.
TO_BEGIN_WITH = 8
#: Things that people get done between two blows, and how long (in seconds) the next one waits for them at most.
BREATHS, LONGEST_BREATH_S = (5, 25), 8.0
SETTLE_LIMIT_S = 180.0
#: A job may lose so many workers and still end well.
ENVIRONMENT = {"DARKROOM_MAX_ATTEMPTS": "8"}


@dataclass(frozen=True)
class Outcome:
    """What a run did and found."""

    seed: int
    kills: Counter[str]
    jobs: int
    assets: int
    edits: int
    uploads: int
    repeated: int
    took_s: float
    violations: list[str]

    def __str__(self) -> str:
        blows = ", ".join(f"{count} {name}" for name, count in self.kills.most_common())
        return "\n".join(
            [
                f"seed {self.seed}: {self.kills.total()} kills in {self.took_s:.0f} s ({blows})",
                f"{self.jobs} jobs with {self.assets} pictures, {self.edits} edits, {self.uploads} uploads; "
                f"{self.repeated} requests repeated",
                *(f"VIOLATION {line}" for line in self.violations[:50]),
                f"{len(self.violations)} violations" if self.violations else "nothing is lost, doubled or left over",
            ]
        )


class Blows:
    """Kills one thing at a time, with signal 9, and starts it again where nobody else does."""

    def __init__(self, rig: FaultRig, postgresql: PostgreSQL | None, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._rig = rig
        self._random = random.Random(f"blows {seed}")
        self._due: list[str] = []
        self._acts: dict[str, Callable[[], bool]] = {
            "api": self._kill_api,
            # gunicorn starts another one.
            "api process": lambda: self._kill_one(psutil.Process(self._rig.parts["api"].pid).children()),
            "worker": lambda: self._kill_one(self._rig.mains()),
            "child": lambda: self._kill_one(self._rig.children()),
            "valkey": self._kill_valkey,
        }
        if postgresql is not None:
            self._acts["postgresql"] = lambda: self._kill_postgresql(postgresql)

    def strike(self) -> None:
        """One blow, if there is something to hit."""
        if not self._due:  # each kind once, in any order, and again
            self._due = self._random.sample(list(self._acts), len(self._acts))
        name = self._due.pop()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.done[name] += self._acts[name]()

    def _kill_one(self, processes: list[psutil.Process]) -> bool:
        if processes:
            self._random.choice(processes).kill()
        return bool(processes)

    def _kill_api(self) -> bool:
        part = self._rig.parts["api"]
        family = [*psutil.Process(part.pid).children(recursive=True), psutil.Process(part.pid)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family)
        self._rig.stop("api", signal.SIGKILL)
        self._rig.start_api()
        return True

    def _kill_valkey(self) -> bool:
        self._rig.kill_valkey()
        self._rig.valkey.start()
        return True

    def _kill_postgresql(self, server: PostgreSQL) -> bool:
        server.kill()
        server.start()
        return True


def run(
    jobs: int,
    seed: int,
    folder: Path,
    postgresql: PostgreSQL | None = None,
    workers: int = 1,
    limit_s: float = float("inf"),
    least_kills: int = 0,
) -> Outcome:
    """A whole run on a stack of its own, with so many jobs, or as many as are accepted in so many seconds."""
    environment = dict(ENVIRONMENT)
    if postgresql is not None:
        environment["DARKROOM_DATABASE_URL"] = postgresql.new_database()
    with fault_stack(folder, workers, **environment) as rig:
        started = time.monotonic()
        url = str(rig.http.base_url)
        painter, editor, uploader = Painter(url, seed, jobs), Editor(url, seed), Uploader(url, seed)
        blows = Blows(rig, postgresql, seed)
        with _at_work(painter, editor, uploader):
            breaths = random.Random(f"breaths {seed}")
            with contextlib.suppress(AssertionError):
                wait_for(lambda: len(editor.expected) >= TO_BEGIN_WITH, SETTLE_LIMIT_S)
            while (not painter.is_done or blows.done.total() < least_kills) and time.monotonic() - started < limit_s:
                _take_breath(breaths.randrange(*BREATHS), painter, editor, uploader)
                blows.strike()
        wrong = [f"{each.name} gave up: {each.failure}" for each in (painter, editor, uploader) if each.failure]
        with contextlib.suppress(AssertionError):  # what has not settled is a violation, not a crash
            _settle(rig, painter)
        promised, found = library_ledger.pictures_of_jobs(rig.store, painter.jobs)
        for name in list(rig.parts):
            rig.stop(name)
        database = Database(rig.settings, prepare)
        artifacts = FolderStore(rig.settings.artifacts_path, rig.store.redis, rig.settings.artifact_ttl_s)
        found += library_ledger.of_assets(database, promised, editor.expected)
        found += library_ledger.of_edits(database, editor.expected, editor.album)
        found += library_ledger.of_uploads(artifacts, uploader.stored)
        found += library_ledger.of_bytes(rig, database)
        database.close()
    return Outcome(
        seed=seed,
        kills=blows.done,
        jobs=len(painter.jobs),
        assets=len(promised),
        edits=editor.edits,
        uploads=len(uploader.stored),
        repeated=sum(each.repeated for each in (painter, editor, uploader)),
        took_s=time.monotonic() - started,
        violations=[*wrong, *found],
    )


@contextlib.contextmanager
def _at_work(*people: Person) -> Iterator[None]:
    for each in people:
        each.start()
    try:
        yield
    finally:
        for each in people:
            each.stop()


def _take_breath(things: int, painter: Painter, editor: Editor, uploader: Uploader) -> None:
    """Without a pause nobody would get anything done, and nothing could be lost."""

    def done() -> int:
        return len(painter.jobs) + editor.edits + len(uploader.stored)

    enough = done() + things
    with contextlib.suppress(AssertionError):
        wait_for(lambda: done() >= enough, LONGEST_BREATH_S)


def _settle(rig: FaultRig, painter: Painter) -> None:
    """All jobs have ended, the library has taken them in, and the stack does a good job again."""
    rig.wait_until_ready()

    def good_answer() -> str | None:
        try:
            return str(rig.one_more_good_answer()["id"])
        except httpx.TransportError:  # a connection of a process that was killed
            return None

    painter.jobs.append(wait_for(good_answer, SETTLE_LIMIT_S, "one more good answer"))

    def has_settled() -> bool:
        records = rig.store.get_many(painter.jobs)
        try:
            library = rig.http.get("/v1/status").json()["library"]
        except httpx.TransportError:  # a connection of a process that was killed
            return False
        all_ended = all(record is None or record.is_final for record in records)
        return all_ended and library["is_available"] and library["waiting"] == 0

    wait_for(has_settled, SETTLE_LIMIT_S, "the end of every job, and its assets")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000, help="picture jobs to accept (default 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and the load (default 1)")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which no more jobs are sent")
    parser.add_argument("--workers", type=int, default=2, help="workers of the stack (default 2)")
    parser.add_argument(
        "--postgresql", action="store_true", help="a PostgreSQL of its own instead of SQLite, killed too"
    )
    parser.add_argument("--keep", type=Path, help="folder for logs and data (default: a temporary one)")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        postgresql = stack.enter_context(start_postgresql()) if given.postgresql else None
        outcome = run(given.jobs, given.seed, folder, postgresql, given.workers, given.limit)
    print(outcome)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
