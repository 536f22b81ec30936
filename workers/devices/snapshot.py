"""What is known of one GPU (or the CPU) at one moment, as frozen data; and what two moments say of energy. Pure.

What a driver does not tell is None, never a guess (a container often hides the processes, a notebook GPU its energy).
"""

import math
from dataclasses import dataclass

from shared.rack.worker_registry import GpuFacts

#: The first generation with bf16 arithmetic (Ampere, NVIDIA CUDA C++ programming guide).
BF16_SINCE = (8, 0)
#: How the UUID of a CPU begins.
CPU_UUID = "cpu"


@dataclass(frozen=True)
class GpuProcess:
    """One process that holds memory of a GPU. Inside a container the pid may be the host's."""

    pid: int
    used_mib: int | None


@dataclass(frozen=True)
class Snapshot:
    """One GPU (or the CPU) at one moment."""

    uuid: str
    name: str
    index: int
    total_mib: int
    used_mib: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    utilisation_percent: int | None = None
    #: Joules since the driver was loaded; two readings make the energy of a picture.
    energy_j: float | None = None
    processes: tuple[GpuProcess, ...] = ()
    driver: str | None = None
    #: Major and minor; None for the CPU.
    compute_capability: tuple[int, int] | None = None
    #: Which MIG slice of the GPU `index` it is; None: a whole GPU.
    slice: int | None = None

    @property
    def label(self) -> str:
        """How it is named where GPUs are chosen: "0", or "0:1" for the second slice of it."""
        return str(self.index) if self.slice is None else f"{self.index}:{self.slice}"

    @property
    def is_cpu(self) -> bool:
        return self.uuid.startswith(CPU_UUID)

    @property
    def free_mib(self) -> int | None:
        return None if self.used_mib is None else max(0, self.total_mib - self.used_mib)

    @property
    def has_bf16(self) -> bool:
        return self.compute_capability is not None and self.compute_capability >= BF16_SINCE

    @property
    def unaccounted_mib(self) -> int | None:
        """Memory in use that no listed process owns: ghosts and the driver's own. None: the driver does not say."""
        owned = [process.used_mib for process in self.processes]
        if self.used_mib is None or not owned or None in owned:
            return None
        return max(0, self.used_mib - sum(mib for mib in owned if mib is not None))

    def facts(self) -> GpuFacts:
        """The part that a worker reports."""
        return GpuFacts(
            name=self.name,
            uuid=self.uuid,
            total_mib=self.total_mib,
            used_mib=self.used_mib,
            temperature_c=self.temperature_c,
            power_w=self.power_w,
            utilisation_percent=self.utilisation_percent,
            ghost_mib=self.unaccounted_mib,
            energy_j=self.energy_j,
        )


def joules_between(before: Snapshot, after: Snapshot) -> float | None:
    """Energy of a GPU between two snapshots; None: not counted (before Volta), another GPU, or the driver was loaded anew.

    The counter is the whole GPU's: with a foreign program on it the figure is too high, and it says so by nothing. The
    idle draw while a job runs is part of its cost.
    """
    if before.energy_j is None or after.energy_j is None or before.uuid != after.uuid:
        return None
    spent_j = after.energy_j - before.energy_j
    return spent_j if math.isfinite(spent_j) and spent_j >= 0 else None


def joules_per_picture(before: Snapshot | None, after: Snapshot | None, pictures: int) -> float | None:
    """The share of one picture of so many; None where nothing was counted or made."""
    spent_j = joules_between(before, after) if before and after else None
    return None if spent_j is None or pictures < 1 else spent_j / pictures
