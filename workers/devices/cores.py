"""How many cores this process may use and of what kind: what the kernel allows, not what the machine has.

A container or a systemd unit with a quota sees all cores of its host. Threads beyond the quota do not run faster: all of
them stand still whenever the quota of a period is spent.
"""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
CPU_INFO = Path("/proc/cpuinfo")


def usable_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Cores that our affinity names, or fewer where a quota allows less time than that; at least 1."""
    quotas = [int(quota) for quota in _quotas(cgroups, membership)]
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def counts_up_to(most: int) -> tuple[int, ...]:
    """1, 2, 4, … and `most` itself."""
    doubled = [2**power for power in range(most.bit_length()) if 2**power < most]
    return (*doubled, most)


def cpu_name(cpu_info: Path = CPU_INFO) -> str:
    """What the CPU calls itself; its architecture where it does not."""
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """Cores' worth of time that each group we are in allows (version 2 of cgroups, then 1); none where unlimited."""
    try:
        rows = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in rows:
        here = Path(path.lstrip("/"))
        for group in (here, *here.parents):
            if not controllers:
                yield from _ratio(_words(cgroups / group / "cpu.max"))
            elif "cpu" in controllers.split(","):
                folder = cgroups / "cpu" / group
                yield from _ratio(_words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _ratio(words: list[str]) -> Iterator[float]:
    """Quota over period, both in µs; "max" and -1 mean that there is no quota."""
    if len(words) == 2 and words[0] not in ("max", "-1"):
        yield int(words[0]) / int(words[1])
