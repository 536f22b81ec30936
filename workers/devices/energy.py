"""What a picture costs in joules, where the driver counts them (Volta and newer).

The counter is the whole card's: with a foreign program on it the figure is too high, and it says so by nothing. The
idle draw while the job runs is part of its cost.
"""

import math

from workers.devices.gpu import Snapshot


def joules_between(before: Snapshot, after: Snapshot) -> float | None:
    """Energy of the card between two snapshots; None: not counted, another card, or the driver was loaded anew."""
    if before.energy_j is None or after.energy_j is None or before.uuid != after.uuid:
        return None
    spent_j = after.energy_j - before.energy_j
    return spent_j if math.isfinite(spent_j) and spent_j >= 0 else None


def joules_per_picture(before: Snapshot | None, after: Snapshot | None, pictures: int) -> float | None:
    """The share of one picture of a batch; None where nothing was counted or made."""
    spent_j = joules_between(before, after) if before and after else None
    return None if spent_j is None or pictures < 1 else spent_j / pictures
