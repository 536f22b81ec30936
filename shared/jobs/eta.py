"""When a queued job will be done, and when a full queue will have room. Pure arithmetic over what was measured.

A model's workers share its queue, so the work ahead is divided by their number. Other models' jobs on the same workers
take turns with this one's: until a job has its result, each other model gets at most as much work done as this one
needs, and never more than it has. That is what the readers' fairness comes to (`workers.control.affinity`); which model a worker
really turns to next is not predicted, nor what will still be sent.

Nothing is guessed: where a needed number was never measured, the answer is None.
"""

from collections.abc import Iterable
from dataclasses import dataclass

#: Bounds of a Retry-After in seconds, and what is said while nothing has ended lately.
SOONEST_S, LATEST_S, UNKNOWN_S = 1, 300, 60


@dataclass(frozen=True)
class Pace:
    """What is known about one model's queue now. Seconds; None: never measured."""

    #: Living workers that serve it and take jobs.
    workers: int = 0
    #: Of those, how many run nothing now.
    idle: int = 0
    #: One job of this model, as it usually is.
    job_s: float | None = None
    #: Bringing it onto a GPU; 0 where one of its workers holds it.
    load_s: float | None = 0.0
    #: The backlog of each other model on the same workers, in seconds of work.
    others_s: tuple[float | None, ...] = ()


def eta_s(ahead: int, own_s: float | None, pace: Pace) -> float | None:
    """Seconds until the result of a queued job.

    Args:
        ahead: jobs of its model that will be taken before it.
        own_s: how long this very job takes, by its size and steps; None: take the usual one's time.
    """
    own = pace.job_s if own_s is None else own_s
    if not pace.workers or own is None or pace.load_s is None or pace.job_s is None:
        return None
    work = ahead * pace.job_s
    turns = _turns(pace.others_s, work + own)
    if turns is None:
        return None
    until_one_is_free = 0.0 if pace.idle else pace.job_s / (pace.workers + 1)
    wait = 0.0 if pace.idle > ahead and not turns else until_one_is_free + (work + turns) / pace.workers
    return round(wait + pace.load_s + own, 1)


def _turns(others_s: Iterable[float | None], mine_s: float) -> float | None:
    total = 0.0
    for backlog in others_s:
        if backlog is None:
            return None
        total += min(backlog, mine_s)
    return total


def room_after_s(ended: int, window_s: float, share: float = 1.0) -> int:
    """Seconds until a place in a full queue is free, if jobs go on ending as they did.

    Args:
        ended: jobs that ended within the window.
        share: of all live jobs, those whose end makes room for this caller.
    """
    if not ended or share <= 0:
        return UNKNOWN_S
    return min(LATEST_S, max(SOONEST_S, round(window_s / ended / share)))
