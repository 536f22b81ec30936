"""Who takes the next step. Pure.

A run holds *samples*: pictures on their way. One pass takes samples of one key (shape, length of prompt) as far as there are
seats. The most urgent level goes first; inside it the key that the last pass had, because nothing is gained by going to
and fro; but whoever waited longer than `max_wait_s` for a step leads the next pass. The seats beside the leading sample
go to others of its key, by level.

Inside a level whoever has the fewest steps left goes first, and of those who have as many the one that was claimed first. So
of jobs that are alike the older one ends first, and one of four steps is not shut out of small passes by seven of fifty. The
older ones are overtaken so only `OVERTAKES` passes in a row; the next pass goes by age.

A pass that is to stay quick is so for each who is in it: none may become too slow. A row that is too little for whoever is
next goes to the next one of that level that it is enough for.

Who holds no seat waits with what it has: nothing is lost by it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

#: Passes in a row in which younger samples may go before older ones: a job of four steps is through then.
OVERTAKES = 3


@dataclass(frozen=True)
class Seated:
    """A sample as the policy sees it."""

    key: Hashable
    #: Rows it takes of a pass.
    rows: int
    #: 0 is the most urgent.
    level: int
    #: Of the claims of this worker.
    order: int
    #: Since its last step, or since it joined.
    waited_s: float = 0.0
    #: Steps that it has to take still.
    left: int = 1


@dataclass(frozen=True)
class Room:
    """What a pass of one key may hold."""

    #: Samples, by memory and by the setting.
    samples: int
    #: Rows that a pass may have so that it stays quick for one who takes so many of them itself; None: as many as there are.
    rows: Mapping[int, int] | None = None

    def most_rows(self, own: int) -> float:
        """In a pass with one who takes so many of them."""
        return inf if self.rows is None else self.rows[own]


def next_pass(
    seated: Sequence[Seated],
    previous: Hashable | None,
    room: Callable[[Seated], Room],
    max_wait_s: float,
    *,
    by_age: bool = False,
) -> list[int]:
    """Places (in `seated`) of those who take the next step, in the order of their claims; empty where nobody is there.

    Args:
        previous: the key of the last pass.
        room: of a pass that the given sample leads.
        by_age: whether the older ones have been overtaken often enough (see `overtakes`).
    """
    if not seated:
        return []

    def turn(place: int) -> tuple[int, int]:
        return (0 if by_age else seated[place].left, seated[place].order)

    urgent = min(sample.level for sample in seated)
    lead = min(
        (i for i, sample in enumerate(seated) if sample.level == urgent),
        key=lambda i: (*_claim(seated[i], previous, max_wait_s), *turn(i)),
    )
    there = room(seated[lead])
    others = [i for i, sample in enumerate(seated) if sample.key == seated[lead].key and i != lead]
    chosen, rows, most = [lead], seated[lead].rows, there.most_rows(seated[lead].rows)
    left_out = inf
    for place in sorted(others, key=lambda i: (seated[i].level, *turn(i))):
        each = seated[place]
        if len(chosen) >= there.samples or each.level > left_out:
            break
        allowed = min(most, there.most_rows(each.rows))
        if rows + each.rows > allowed:
            left_out = each.level
            continue
        rows, most = rows + each.rows, allowed
        chosen.append(place)
    return sorted(chosen, key=lambda i: seated[i].order)


def overtakes(seated: Sequence[Seated], places: Sequence[int]) -> bool:
    """Whether somebody takes the next step before an older one of its key and level."""
    inside, outside = [seated[i] for i in places], [each for i, each in enumerate(seated) if i not in places]
    return any(
        (one.key, one.level) == (other.key, other.level) and other.order < one.order
        for one in inside
        for other in outside
    )


def _claim(sample: Seated, previous: Hashable | None, max_wait_s: float) -> tuple[bool, float, bool]:
    """Smaller is sooner."""
    is_neglected = sample.waited_s > max_wait_s
    return (not is_neglected, -sample.waited_s if is_neglected else 0.0, sample.key != previous)
