"""How many samples a pass may hold: by what memory has refused, and so that nobody beside becomes slow.

Memory: whoever ran out of it halves the seats of that shape, for as long as this process lives.

Time: by default a pass in which somebody is in no hurry to wait (priority normal or above) may take `slower` times what a step
of each sample in it takes alone, so that a job of four steps does not become three times slower because seven jobs of
fifty sit beside it. What a pass of so many rows takes is measured, first alone; what was not measured yet is taken for
proportional to its rows, which is never too low. One slow pass among the first ones forbids nothing and allows nothing,
because memory is allocated in such a pass, kernels are chosen, a graph is written: the quickest of them counts. What was
forbidden so often that it may have been a bad moment is tried again. And whoever was not measured alone for long, because
company never ended, has none for as many passes as that takes: else one bad moment would make its passes slow for ever.

Measuring costs: on a GPU a pass returns before it is computed, so one that is to be measured is waited for (`wants`). Its
first ones are, and then one in a while.

Times are kept by key, so that a pass costs what its own key has, and of the `MOST_KEYS` keys used last; one that comes back
later is measured alone again. What memory refused is never forgotten: to find it out again would cost a pass.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
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
#: Keys whose times are remembered: four for every seat that there can be (`max_batch` is 64 at most), so that none of those
#: under way is forgotten. Each with eight numbers of rows, they take 330 KiB.
MOST_KEYS = 256
#: Rows of a pass, whatever they take.
MOST_ROWS = 256


@dataclass(slots=True)
class _Kind:
    """Passes of one key and so many rows."""

    took_s: float = 0.0
    #: Measurements.
    seen: int = 0
    #: Passes since the last measurement.
    unmeasured: int = 0
    #: Passes that were not of this kind because it would have been too slow.
    refused: int = 0
    #: Passes, of any number of rows, that were led by a sample of so many since the last measurement.
    led: int = 0

    @property
    def is_known(self) -> bool:
        return self.seen >= SETTLED

    def learn(self, took_s: float) -> None:
        self.seen += 1
        self.unmeasured = self.led = 0
        if self.seen == 1:
            self.took_s = took_s
        elif self.seen <= SETTLED:
            self.took_s = min(self.took_s, took_s)
        else:
            self.took_s += WEIGHT * (took_s - self.took_s)

    def lead(self) -> None:
        self.led += 1
        if self.led > ALONE_AGAIN_AFTER:
            self.led = self.seen = 0

    def refuse(self) -> None:
        self.refused += 1
        if self.refused >= TRY_AGAIN_AFTER:
            self.refused = self.seen = 0


@dataclass
class Pace:
    """What one model's passes take here. Keys are those of samples."""

    #: How many times its time alone a step may take.
    slower: float
    #: By key, the one used last at the end, and by rows.
    _kinds: OrderedDict[Hashable, dict[int, _Kind]] = field(default_factory=OrderedDict)
    _most: dict[Hashable, int] = field(default_factory=dict)

    def wants(self, key: Hashable, rows: int) -> bool:
        """Whether the next pass of so many rows is to be measured."""
        kind = self._kind(key, rows)
        kind.unmeasured += 1
        return not kind.is_known or kind.unmeasured >= MEASURE_EVERY

    def learn(self, key: Hashable, rows: int, took_s: float) -> None:
        """A pass of so many rows took so long."""
        self._kind(key, rows).learn(took_s)

    def most_rows(self, key: Hashable, alone: int) -> int:
        """Rows that a pass may have, led by a sample that takes `alone` of them (1 or 2). Asked once a pass."""
        leading = self._kind(key, alone)
        leading.lead()
        if not leading.is_known:
            return alone
        known = self._known(key)
        most = self._rows_in_time(known, alone)
        if most + 1 in known:
            known[most + 1].refuse()
        return most

    def most_rows_beside(self, key: Hashable, alone: int) -> int:
        """The same for one who does not lead it; whoever was not measured alone yet goes by what its leader may."""
        known = self._known(key)
        return self._rows_in_time(known, alone) if alone in known else MOST_ROWS

    def halve(self, key: Hashable, samples: int) -> None:
        """A pass of so many samples did not fit."""
        self._most[key] = max(1, samples // 2)

    def most_samples(self, key: Hashable, usual: int) -> int:
        """Samples that a pass may have."""
        return min(usual, self._most.get(key, usual))

    def _known(self, key: Hashable) -> dict[int, _Kind]:
        return {rows: kind for rows, kind in self._kinds.get(key, {}).items() if kind.is_known}

    def _rows_in_time(self, known: Mapping[int, _Kind], alone: int) -> int:
        took_s = {rows: kind.took_s for rows, kind in known.items()}
        return _rows_within(self.slower * took_s[alone], alone, took_s)

    def _kind(self, key: Hashable, rows: int) -> _Kind:
        """Of a key that is used now."""
        of_key = self._kinds.setdefault(key, {})
        self._kinds.move_to_end(key)
        if len(self._kinds) > MOST_KEYS:
            self._kinds.popitem(last=False)
        return of_key.setdefault(rows, _Kind())


def _rows_within(limit_s: float, alone: int, took_s: Mapping[int, float]) -> int:
    """Rows that a pass may have to take no longer, by what so many took; `alone` of them are among those. Pure."""
    rows = below = alone
    while rows < MOST_ROWS:
        more = rows + 1
        expected_s = took_s[more] if more in took_s else took_s[below] * more / below
        if expected_s > limit_s:
            return rows
        rows = more
        below = more if more in took_s else below
    return rows
