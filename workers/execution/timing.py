"""How long each phase of a job took, for its record."""

import time
from collections.abc import Callable

from shared.contracts.jobs import Phase, Timings


class Stopwatch:
    """Runs in one phase at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent_s: dict[str, float] = {}
        self._phase: Phase = "loading"
        self._since = clock()

    def start(self, phase: Phase) -> None:
        """Leave the current phase and enter this one."""
        now = self._clock()
        self._spent_s[self._phase] = self._spent_s.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def timings(self) -> Timings:
        """Milliseconds per phase until now."""
        self.start(self._phase)
        return Timings(**{f"{phase}_ms": round(s * 1000) for phase, s in self._spent_s.items()})
