"""When a worker gives its card to a foreign program, and when it comes back. Pure.

A game or a training run does not ask: it takes memory until something fails. So when the room we planned with is no
longer there, for longer than a moment, the worker stops taking jobs and unloads; it returns once the room has been
there again for a while. Both waits are needed, or two programs that give way drive each other in circles.
"""

from dataclasses import dataclass, replace

#: A shortage this short is somebody's start-up or our own last job.
PATIENCE_S = 5.0
#: The room must have been there this long before we take it again.
CALM_S = 60.0
#: Less than this missing is noise of the driver.
SLACK_MIB = 256


@dataclass(frozen=True)
class Stance:
    """Whether the worker has given way, and since when the opposite has been called for."""

    has_yielded: bool = False
    #: When the present run of looks that speak for a change began; None: the last look spoke against it.
    turning_since_s: float | None = None


def missing_mib(usable_mib: int, free_mib: int | None, ours_mib: int) -> int:
    """How much of the planned room others have taken.

    Args:
        usable_mib: what the budget plans with.
        free_mib: what the driver has free; None: it does not say, so nothing is known to be missing.
        ours_mib: what our own process holds on the card, its caches included.
    """
    return 0 if free_mib is None else max(0, usable_mib - free_mib - ours_mib)


def look(stance: Stance, missing: int, now_s: float) -> Stance:
    """The stance after one more look; call it every second or two."""
    is_crowded = missing > SLACK_MIB
    if is_crowded == stance.has_yielded:
        return replace(stance, turning_since_s=None)
    since_s = now_s if stance.turning_since_s is None else stance.turning_since_s
    if now_s - since_s >= (CALM_S if stance.has_yielded else PATIENCE_S):
        return Stance(has_yielded=is_crowded)
    return replace(stance, turning_since_s=since_s)
