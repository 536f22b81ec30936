"""How much room pictures have, how fast it is used up, and from where on no more work is taken.

Kept pictures only grow in number, so a disk fills up some day; who runs the rack should know when, and no picture may be
lost to a disk that filled up unseen. The API side counts what is kept (only it knows) and writes a report to Redis; the
status and the doctor read it.
"""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis
from pydantic import Field

from shared.contracts.base import Frozen
from shared.errors import ArtifactStoreFull
from shared.pictures.pixels import MIB
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

#: The window that the growth is measured in.
WINDOW_DAYS = 7
#: A report older than this says nothing about today.
REPORT_TTL_S = 3600
#: How long a look at the disk counts.
LOOK_EVERY_S = 1.0


class RoomReport(Frozen):
    """The room for pictures, and when it will be used up at the present rate."""

    free_mib: int = Field(description="Free where pictures are stored")
    total_mib: int
    kept_mib: int = Field(description="Pictures in the library, each counted once")
    kept_mib_per_day: float = Field(
        description="Growth of the last seven days, or of the library's life if that is less"
    )
    full_in_days: float | None = Field(
        description="Until new jobs are refused at this rate; null: it does not grow, or not within ten years"
    )


def report(
    free_mib: int, total_mib: int, kept_mib: int, grown_mib: float, days: float, min_free_mib: int
) -> RoomReport:
    """Pure. `grown_mib` came within the last `days`."""
    rate = grown_mib / max(days, 1 / 24)
    left_mib = max(0, free_mib - min_free_mib)
    in_days = left_mib / rate if rate > 0 else None
    return RoomReport(
        free_mib=free_mib,
        total_mib=total_mib,
        kept_mib=kept_mib,
        kept_mib_per_day=round(rate, 1),
        full_in_days=round(in_days, 1) if in_days is not None and in_days < 3650 else None,
    )


def write_report(client: "redis.Redis", told: RoomReport) -> None:
    """For the status and the doctor, until it is too old to count."""
    with redis_errors():
        client.set(keys.ROOM, told.model_dump_json(), ex=REPORT_TTL_S)


def read_report(client: "redis.Redis") -> RoomReport | None:
    """The newest report; None where no API process looks after the library now."""
    with redis_errors():
        found = client.get(keys.ROOM)
    return RoomReport.model_validate_json(found) if isinstance(found, bytes | str) else None


def free_and_total_mib(settings: Settings, client: "redis.Redis") -> tuple[int, int] | None:
    """Room where pictures are stored, in MiB; None where Redis holds them and has no limit of its own."""
    if settings.artifacts == "redis":
        with redis_errors():
            info = client.info("memory")
        limit = int(info.get("maxmemory", 0))  # type: ignore[union-attr]
        used = int(info.get("used_memory", 0))  # type: ignore[union-attr]
        return (max(0, limit - used) // MIB, limit // MIB) if limit else None
    usage = shutil.disk_usage(_standing(settings.artifacts_path))
    return usage.free // MIB, usage.total // MIB


class Door:
    """Refuses work that makes pictures while there is less room than `min_free_mib`."""

    def __init__(self, settings: Settings, client: "redis.Redis", clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._redis = client
        self._clock = clock
        self._looked_at = -LOOK_EVERY_S
        self._free_mib: int | None = None
        self._guard = threading.Lock()

    def check(self) -> None:
        """Make sure that there is room.

        Raises:
            ArtifactStoreFull: there is too little; the message has the numbers.
        """
        least = self._settings.min_free_mib
        free_mib = self._free() if least else None
        if free_mib is not None and free_mib < least:
            raise ArtifactStoreFull(
                f"only {free_mib:,} MiB are free for pictures, new jobs are taken from {least:,} MiB on "
                "(DARKROOM_MIN_FREE_MIB): delete pictures, or make room"
            )

    def _free(self) -> int | None:
        with self._guard:
            if self._clock() - self._looked_at >= LOOK_EVERY_S:
                found = free_and_total_mib(self._settings, self._redis)
                self._free_mib = None if found is None else found[0]
                self._looked_at = self._clock()
            return self._free_mib


def _standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
