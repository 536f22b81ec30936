"""Who takes the next step. Pure.

A run holds *samples*: pictures on their way. One pass takes samples of one key (shape, length of prompt) as far as there are
seats. The most urgent level goes first; inside it the key that the last pass had, because nothing is gained by going to
and fro; but whoever waited longer than `max_wait_s` for a step leads the next pass. The seats beside the leading sample
go to others of its key, by level and then in the order in which they were claimed, which was the fair one; a row that
is too little for whoever is next goes to the next one of that level that it is enough for.

Who holds no seat waits with what it has: nothing is lost by it.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

#: Less urgent than anybody.
LEAST = 2**31


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


@dataclass(frozen=True)
class Room:
    """What a pass of one key may hold."""

    #: Samples, by memory and by the setting.
    samples: int
    #: Rows, so that it stays quick; None: as many as there are.
    rows: int | None = None


def next_pass(
    seated: Sequence[Seated],
    previous: Hashable | None,
    room: Callable[[Seated], Room],
    max_wait_s: float,
) -> list[int]:
    """Places (in `seated`) of those who take the next step, in their order; empty where nobody is there.

    Args:
        previous: the key of the last pass.
        room: of a pass that the given sample leads.
    """
    if not seated:
        return []
    urgent = min(sample.level for sample in seated)
    lead = min(
        (i for i, sample in enumerate(seated) if sample.level == urgent),
        key=lambda i: _turn(seated[i], previous, max_wait_s),
    )
    there = room(seated[lead])
    others = [i for i, sample in enumerate(seated) if sample.key == seated[lead].key and i != lead]
    chosen, rows = [lead], seated[lead].rows
    left_out = LEAST
    for place in sorted(others, key=lambda i: (seated[i].level, seated[i].order)):
        each = seated[place]
        if len(chosen) >= there.samples or each.level > left_out:
            break
        if there.rows is not None and rows + each.rows > there.rows:
            left_out = each.level
            continue
        rows += each.rows
        chosen.append(place)
    return sorted(chosen, key=lambda i: seated[i].order)


def _turn(sample: Seated, previous: Hashable | None, max_wait_s: float) -> tuple[bool, float, bool, int]:
    """Smaller is sooner."""
    is_neglected = sample.waited_s > max_wait_s
    return (not is_neglected, -sample.waited_s if is_neglected else 0.0, sample.key != previous, sample.order)
