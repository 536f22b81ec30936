"""A bare loop in a process of its own, a burst each time it is asked, at the number of threads that suits it best.

No setting of ours reaches it. It says that it is there, then answers each line, a JSON list of jobs, with the seconds they took
and the number of threads. It makes each burst with every number of threads that is not hopeless, which its first jobs tell, and
the quickest time counts: which number is best changes with what else a shared machine does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from workers.devices.cores import counts_up_to, usable_cores

#: What a user who installed diffusers has not set.
OURS = ("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_")
#: Turns of each count, of which the best tells: a shared machine slows down for seconds at a time.
ROUNDS = 3
#: A count that is so many times slower than the best is not tried further: two threads that spin on a busy machine are a
#: hundred times slower.
HOPELESS = 2.0
#: Jobs that tell whether a count is hopeless.
TRIED = 2


class BareProcess:
    """It, from outside."""

    def __init__(self, module: str, *arguments: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(
            command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        #: Numbers of threads with which a burst was quickest.
        self.threads: set[int] = set()
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def seconds(self, jobs: list[dict[str, Any]]) -> float:
        """How long these take, one after the other, at the best number of threads."""
        assert self._process.stdin is not None
        print(json.dumps(jobs), file=self._process.stdin, flush=True)
        took_s, threads = json.loads(self._answer())
        self.threads.add(threads)
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
    counts: list[int] = []
    for line in sys.stdin:
        jobs = json.loads(line)
        if not counts:
            torch.set_num_threads(1)
            make(jobs[:1])  # whatever loads or allocates at first use
            counts = hopeful(partial(_seconds, make, jobs[:TRIED]), counts_up_to(usable_cores()))
        counts.reverse()
        took_s = {count: _seconds(make, jobs, count) for count in counts}
        best = min(took_s, key=lambda count: took_s[count])
        print(f"{MARK}{json.dumps([took_s[best], best])}", flush=True)


def _seconds(make: Callable[[list[dict[str, Any]]], float], jobs: list[dict[str, Any]], count: int) -> float:
    import torch

    torch.set_num_threads(count)
    return make(jobs)


def hopeful(seconds: Callable[[int], float], counts: tuple[int, ...]) -> list[int]:
    """The counts whose quickest turn is no `HOPELESS` times as long as the quickest of all; who is that far takes no further
    turn."""
    best: dict[int, float] = {}

    def is_hopeful(count: int) -> bool:
        return best.get(count, 0.0) <= HOPELESS * min(best.values(), default=0.0)

    for _ in range(ROUNDS):
        for count in filter(is_hopeful, counts):
            best[count] = min(seconds(count), best.get(count, float("inf")))
    return [count for count in counts if is_hopeful(count)]
