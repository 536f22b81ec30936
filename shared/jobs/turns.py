"""What a job that waits its turn is told: what is being loaded for it, how many go first, whose share it is. Pure.

`stillness` knows from a record and the workers' words whether anything holds a job up; where nothing does but other jobs,
this says which kind of waiting that is. Of others' jobs only their number is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts.waits import WaitCode, Waits

#: Of a load that takes longer than it ever took.
MOST_PERCENT = 99
#: What is no more than other jobs that go first, if there are any.
OTHERS_FIRST = (WaitCode.TURN, WaitCode.STARTING)


@dataclass(frozen=True)
class Loading:
    """A model that a worker is bringing onto its GPU now."""

    model: str
    #: Since it began.
    for_s: float
    #: What that usually takes there; None: nobody measured it.
    usual_s: float | None = None

    @property
    def percent(self) -> int | None:
        """How far it is, by the clock; None: nobody can say."""
        if not self.usual_s:
            return None
        return min(MOST_PERCENT, int(100 * self.for_s / self.usual_s))


@dataclass(frozen=True)
class Turn:
    """Where a job stands among those that wait for the same workers. None: nobody knows."""

    #: Jobs that will be taken before it.
    ahead: int | None = None
    #: Those of them that are its owner's.
    ahead_own: int | None = None
    #: Seconds until it starts.
    starts_in_s: float | None = None
    #: Whether it is there for longer than some of others that go first.
    is_passed_by: bool = False


def told(known: Waits, turn: Turn, loading: Iterable[Loading]) -> Waits:
    """What `known` says, or for a job that only waits its turn, what it waits for.

    Args:
        loading: of this job's own model.
    """
    if known.code not in OTHERS_FIRST:
        return known
    coming = next(iter(sorted(loading, key=lambda one: -(one.percent or 0))), None)
    if coming is not None and not turn.ahead and known.code == WaitCode.TURN:
        return Waits(code=WaitCode.LOADING, message=_loading(coming))
    if turn.is_passed_by:
        return Waits(code=WaitCode.YOUR_SHARE, message=f"your share: others who had less go first{_soon(turn)}")
    if turn.ahead:
        return Waits(code=WaitCode.BEHIND, message=f"behind {_jobs(turn)}{_soon(turn)}")
    return known


def _loading(coming: Loading) -> str:
    if coming.percent is None:
        return f"loading {coming.model}, for {coming.for_s:.0f} s so far"
    return f"loading {coming.model} {coming.percent} %"


def _jobs(turn: Turn) -> str:
    number = turn.ahead or 0
    jobs = f"{number:,} job" + ("" if number == 1 else "s")
    if not turn.ahead_own:
        return jobs
    return f"{jobs} of yours" if turn.ahead_own >= number else f"{jobs}, {turn.ahead_own:,} of them yours"


def _soon(turn: Turn) -> str:
    return "" if turn.starts_in_s is None else f" ({turn.starts_in_s:.0f} s)"
