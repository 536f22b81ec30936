"""What a bench has found so far: on the screen and on disk at once, so that a run that is broken off is not lost."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Rows:
    """The numbers of one bench, by name; `numbers` is what its `main` returns."""

    def __init__(self, out: Path) -> None:
        """
        Args:
            out: the file that always holds all numbers so far, as JSON.
        """
        self.numbers: dict[str, Any] = {}
        self._out = out
        self._began_s = time.monotonic()
        out.parent.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, value: Any) -> None:
        self.numbers[name] = value
        self._out.write_text(json.dumps(self.numbers, indent=2) + "\n")
        self.say(f"{name} = {json.dumps(value)}")

    def say(self, what: str) -> None:
        """How far it is, with the seconds since the bench began."""
        print(f"{time.monotonic() - self._began_s:6.0f} s  {what}", flush=True)

    def add_median(self, name: str, measured: Iterable[float], digits: int = 4) -> None:
        """Of measurements that are made as they are asked for; all of them stand in the row of the name with `_all`, after
        each one as far as it came."""
        found: list[float] = []
        for one in measured:
            found.append(round(one, digits))
            self.add(f"{name}_all", found)
        self.add(name, round(statistics.median(found), digits))


def in_turns(
    pairs: int, burst: Callable[[], T], bare: Callable[[T], float], ours: Callable[[T], float]
) -> Iterator[float]:
    """How many times quicker ours is, burst by burst: both measure the same one right after one another, for a shared machine
    changes from minute to minute; who is first takes turns too.

    Args:
        burst: a new one.
        bare, ours: the seconds that one takes.
    """
    for number in range(pairs):
        jobs = burst()
        if number % 2:
            ours_s, bare_s = ours(jobs), bare(jobs)
        else:
            bare_s, ours_s = bare(jobs), ours(jobs)
        yield bare_s / ours_s
