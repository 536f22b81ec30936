"""How many samples a pass may hold: by what memory has refused, and so that nobody beside becomes slow.

Memory: whoever ran out of it halves the seats of that shape, for as long as this process lives.

Time: by default a pass in which somebody is in no hurry to wait (priority normal or above) may take `slower` times what the
leading sample's step takes alone, so that a job of four steps does not become three times slower because seven jobs of
fifty sit beside it. What a pass of so many rows takes is measured, first alone; what was not measured yet is taken for
proportional to its rows, which is never too low. One slow pass among the first ones forbids nothing and allows nothing,
because memory is allocated in such a pass, kernels are chosen, a graph is written: the quickest of them counts. What was
forbidden so often that it may have been a bad moment is tried again. And whoever was not measured alone for long, because
company never ended, has none for as many passes as that takes: else one bad moment would make its passes slow for ever.

Measuring costs: on a GPU a pass returns before it is computed, so one that is to be measured is waited for (`wants`). Its
first ones are, and then one in a while.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

#: Passes of a kind before one is known: the first may be slow for its own reasons. So many steps a shape is alone at first.
SETTLED = 2
#: How much of a new measurement counts.
WEIGHT = 0.3
#: Passes of a kind between two that are measured.
MEASURE_EVERY = 16
#: Passes that could have had more rows, had those not been measured as too slow; then they are tried once more.
TRY_AGAIN_AFTER = 100
#: Passes led by a kind since it was last measured alone; then it is measured alone again. `SETTLED` in so many are 0.7 % of
#: them without company, and a bound that came from a bad moment is gone after half a minute of passes of 0.1 s.
ALONE_AGAIN_AFTER = 300


@dataclass
class Pace:
    """What one model's passes take here. Keys are those of samples."""

    #: How many times its time alone a step may take.
    slower: float
    _took_s: dict[tuple[Hashable, int], float] = field(default_factory=dict)
    _seen: dict[tuple[Hashable, int], int] = field(default_factory=dict)
    _most: dict[Hashable, int] = field(default_factory=dict)
    _unmeasured: dict[tuple[Hashable, int], int] = field(default_factory=dict)
    _refused: dict[tuple[Hashable, int], int] = field(default_factory=dict)
    _led: dict[tuple[Hashable, int], int] = field(default_factory=dict)

    def wants(self, key: Hashable, rows: int) -> bool:
        """Whether the next pass of so many rows is to be measured."""
        passed = self._unmeasured[key, rows] = self._unmeasured.get((key, rows), 0) + 1
        return self._seen.get((key, rows), 0) < SETTLED or passed >= MEASURE_EVERY

    def learn(self, key: Hashable, rows: int, took_s: float) -> None:
        """A pass of so many rows took so long."""
        self._unmeasured[key, rows] = self._led[key, rows] = 0
        known = self._took_s.get((key, rows), took_s)
        seen = self._seen[key, rows] = self._seen.get((key, rows), 0) + 1
        if seen == 1:
            self._took_s[key, rows] = took_s
        elif seen <= SETTLED:
            self._took_s[key, rows] = min(known, took_s)
        else:
            self._took_s[key, rows] = known + WEIGHT * (took_s - known)

    def most_rows(self, key: Hashable, alone: int) -> int:
        """Rows that a pass may have, led by a sample that takes `alone` of them (1 or 2). Asked once a pass."""
        led = self._led[key, alone] = self._led.get((key, alone), 0) + 1
        if led > ALONE_AGAIN_AFTER:
            self._led[key, alone] = self._seen[key, alone] = 0
        solo_s = self._took_s.get((key, alone))
        if solo_s is None or self._seen[key, alone] < SETTLED:
            return alone
        limit_s, rows = self.slower * solo_s, alone
        while rows < 256 and self._expected_s(key, rows + 1) <= limit_s:
            rows += 1
        self._refuse(key, rows + 1)
        return rows

    def halve(self, key: Hashable, samples: int) -> None:
        """A pass of so many samples did not fit."""
        self._most[key] = max(1, samples // 2)

    def most_samples(self, key: Hashable, usual: int) -> int:
        """Samples that a pass may have."""
        return min(usual, self._most.get(key, usual))

    def _refuse(self, key: Hashable, rows: int) -> None:
        """So many rows would have been too slow, by what was measured."""
        if self._seen.get((key, rows), 0) < SETTLED:
            return
        refused = self._refused[key, rows] = self._refused.get((key, rows), 0) + 1
        if refused >= TRY_AGAIN_AFTER:
            self._refused[key, rows] = self._seen[key, rows] = 0

    def _expected_s(self, key: Hashable, rows: int) -> float:
        measured = {
            n: took_s for (known, n), took_s in self._took_s.items() if known == key and self._seen[known, n] >= SETTLED
        }
        if rows in measured:
            return measured[rows]
        below = max((n for n in measured if n < rows), default=None)
        if below is not None:
            return measured[below] * rows / below
        return measured[min(measured)]
