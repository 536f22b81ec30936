"""What the chaos run breaks: one method a fault, drawn by weight. Each fault is done at once; what it broke heals while
the next one is under way."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.faults.stack import FaultRig

#: Kills count towards the run's goal; the others come along.
KILLS = ("child", "worker", "launcher", "host", "redis")
WEIGHTS = {
    "child": 60,
    "worker": 12,
    "launcher": 1,
    "host": 1,
    "redis": 8,
    "stop": 8,
    "lost message": 8,
    "duplicate": 8,
}
#: While much is broken already, a draw may find nothing; the schedule stays the same.
DRAWS = 4
#: How long a stopped process stays stopped, in seconds: from below a lease to well above it.
STOPS_S = (0.3, 6.0)


class Faults:
    """Breaks things, and counts what it broke."""

    def __init__(self, rig: FaultRig, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._rig = rig
        self._random = random.Random(f"faults {seed}")
        self._stopped: list[tuple[float, list[psutil.Process]]] = []
        self._acts: dict[str, Callable[[], bool]] = {
            "child": lambda: self._kill(self._rig.children()),
            "worker": lambda: self._kill(self._rig.mains()),
            "launcher": self._kill_launcher,
            "host": self._kill_host,
            "redis": self._kill_redis,
            "stop": self._stop,
            "lost message": self._lose_message,
            "duplicate": self._duplicate,
        }

    @property
    def kills(self) -> int:
        return sum(self.done[name] for name in KILLS)

    def strike(self) -> None:
        """One fault: the first of a few draws for which there is something to break."""
        self.resume_due()
        for name in self._random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=DRAWS):
            with contextlib.suppress(psutil.NoSuchProcess):
                if self._acts[name]():
                    self.done[name] += 1
                    return

    def resume_due(self, *, everything: bool = False) -> None:
        """Let stopped processes go on whose time is over."""
        now = time.monotonic()
        for resume_at, processes in list(self._stopped):
            if everything or now >= resume_at:
                self._stopped.remove((resume_at, processes))
                for process in processes:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.resume()

    # -- the faults --------------------------------------------------------------------------------------------------

    def _kill(self, processes: list[psutil.Process]) -> bool:
        if not processes:
            return False
        self._random.choice(processes).kill()
        return True

    def _kill_launcher(self) -> bool:
        """Its workers drain and end; a new launcher waits for the cards."""
        launcher = self._rig.parts.pop("workers")
        launcher.kill()
        launcher.wait()
        self._rig.start_workers()
        return True

    def _kill_host(self) -> bool:
        self._rig.kill_host()
        self._rig.start_workers()
        return True

    def _kill_redis(self) -> bool:
        self._rig.kill_valkey()
        self._rig.valkey.start()
        return True

    def _stop(self) -> bool:
        """A child, a main process, or both."""
        mains = self._rig.mains()
        if not mains:
            return False
        main = self._random.choice(mains)
        family = [main, *main.children()]
        processes = self._random.choice([family, family[:1], family[1:]])
        for process in processes:
            process.suspend()
        self._stopped.append((time.monotonic() + self._random.uniform(*STOPS_S), processes))
        return bool(processes)

    def _lose_message(self) -> bool:
        client, queue = self._rig.store.redis, self._some_queue()
        return bool(self._random.choice((client.rpop, client.lpop))(queue))

    def _duplicate(self) -> bool:
        client, queue = self._rig.store.redis, self._some_queue()
        message = client.lindex(queue, self._random.choice((0, -1)))
        return message is not None and bool(client.lpush(queue, message))

    def _some_queue(self) -> str:
        return f"fault.{self._random.choice(('low', 'normal', 'high'))}"
