"""A bare loop in a process of its own, a burst each time it is asked, with the number of threads that suits it best.

No setting of ours reaches it. It says that it is there, then answers each line, a JSON list of jobs, with the seconds they took
and the number of threads. The first burst decides those: every count takes `ROUNDS` turns at its first jobs, and the quickest
turn of each counts, because a shared machine slows down for seconds at a time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from tests.bench.bare_loop import HOPELESS, OURS, ROUNDS
from workers.devices.cores import counts_up_to, usable_cores

#: Jobs that a count is tried with.
TRIED = 2


class BareProcess:
    """It, from outside."""

    def __init__(self, module: str, *arguments: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(
            command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        #: Of the CPU that it computes with; 0: it was not asked yet.
        self.threads = 0
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def seconds(self, jobs: list[dict[str, Any]]) -> float:
        """How long these take, one after the other."""
        assert self._process.stdin is not None
        print(json.dumps(jobs), file=self._process.stdin, flush=True)
        took_s, self.threads = json.loads(self._answer())
        return float(took_s)

    def _answer(self) -> str:
        """The next line that is meant for us: libraries say things too.

        Raises:
            RuntimeError: it has ended.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return line.removeprefix(MARK)
        raise RuntimeError(f"the bare loop has ended: {self._process.args!r}")


#: Begins every line that is an answer.
MARK = "bare: "


def serve_bursts(make: Callable[[list[dict[str, Any]]], float]) -> None:
    """In that process.

    Args:
        make: makes jobs, one after the other, and says in how many seconds.
    """
    import torch

    print(f"{MARK}ready", flush=True)
    threads = 0
    for line in sys.stdin:
        jobs = json.loads(line)
        if not threads:
            torch.set_num_threads(1)
            make(jobs[:1])  # whatever loads or allocates at first use
            threads = quickest(partial(_seconds, make, jobs[:TRIED]), counts_up_to(usable_cores()))
            torch.set_num_threads(threads)
        print(f"{MARK}{json.dumps([make(jobs), threads])}", flush=True)


def _seconds(make: Callable[[list[dict[str, Any]]], float], jobs: list[dict[str, Any]], count: int) -> float:
    import torch

    torch.set_num_threads(count)
    return make(jobs)


def quickest(seconds: Callable[[int], float], counts: tuple[int, ...]) -> int:
    """The count whose quickest turn is the quickest; one that is hopeless takes no further turn."""
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for count in counts:
            if best.get(count, 0.0) > HOPELESS * min(best.values(), default=0.0):
                continue
            best[count] = min(seconds(count), best.get(count, float("inf")))
    return min(best, key=lambda count: best[count])
