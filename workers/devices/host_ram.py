"""How much RAM this process may count on: the host's, a container's or a unit's limit, whichever is smallest.

A cgroup's own files count, and those of every group above it: a limit set on a parent binds its children. Of what a
cgroup uses, the page cache that the kernel would give back at once (`inactive_file`) counts as free, as in the kernel's
own figure for the host (`MemAvailable`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

MIB = 2**20
#: Of the RAM, what evicted weights may take on a host, all its workers together: the rest is for the page cache (the
#: next model is read through it), for Redis and for everybody else.
HOST_SHARE = 0.5
#: Never filled with weights, however much is asked for.
HEADROOM_MIB = 1024
#: cgroup v1 writes "no limit" as a huge number (2^63 rounded to pages).
NO_LIMIT = 2**60


@dataclass(frozen=True)
class Sources:
    """Where Linux says it; a test hands in a folder of its own."""

    cgroups: Path = Path("/sys/fs/cgroup")
    own_group: Path = Path("/proc/self/cgroup")
    kernel: Path = Path("/proc/version")


@dataclass(frozen=True)
class Files:
    """The names of one cgroup version."""

    limit: str
    usage: str
    inactive: str


V2 = Files("memory.max", "memory.current", "inactive_file")
V1 = Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
HERE = Sources()


def total_mib(sources: Sources = HERE) -> int:
    """The most that all processes here may use."""
    limits = [limit for folder, files in _groups(sources) if (limit := _number(folder / files.limit)) is not None]
    return int(min([psutil.virtual_memory().total, *limits]) // MIB)


def available_mib(sources: Sources = HERE) -> int:
    """What may still be taken without swapping and without being killed for it."""
    rooms = [room for folder, files in _groups(sources) if (room := _room(folder, files)) is not None]
    return int(min([psutil.virtual_memory().available, *rooms]) // MIB)


def share_mib(workers: int, sources: Sources = HERE) -> int:
    """What each of so many workers may fill with weights that wait for their GPU."""
    return int(HOST_SHARE * total_mib(sources)) // max(1, workers)


def pins_badly(sources: Sources = HERE) -> bool:
    """Whether page-locked memory is scarce whatever is free: under WSL2 (NVIDIA's guide lists it among the limitations;
    users report failures from 0.5 GB on, microsoft/WSL#14078)."""
    try:
        return "microsoft" in sources.kernel.read_text().lower()
    except OSError:
        return False


def _room(folder: Path, files: Files) -> int | None:
    limit, usage = _number(folder / files.limit), _number(folder / files.usage)
    if limit is None or usage is None:
        return None
    return max(0, limit - usage + _inactive(folder / "memory.stat", files.inactive))


def _groups(sources: Sources) -> Iterator[tuple[Path, Files]]:
    """This process' groups and all above them, of both versions; inside a container often only the root is seen."""
    for line in _lines(sources.own_group):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root, files = (sources.cgroups / "memory", V1) if controllers else (sources.cgroups, V2)
        inside = Path(path.lstrip("/"))
        for part in (inside, *inside.parents):
            if ".." not in part.parts:
                yield root / part, files


def _inactive(stat: Path, name: str) -> int:
    values = [line.split()[1] for line in _lines(stat) if line.startswith(f"{name} ")]
    return int(values[0]) if values else 0


def _number(file: Path) -> int | None:
    """Bytes; None where there is no such file or no limit."""
    try:
        value = int(file.read_text())
    except (OSError, ValueError):  # "max" is no number
        return None
    return value if value < NO_LIMIT else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
