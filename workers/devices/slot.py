"""One worker's place: its name, its GPU, its budget, what it serves. The launcher decides it, the worker reads it.

It travels as JSON in one environment variable, so that both processes of a worker (and a spawned child) see the same.
"""

import os
import re
import socket

from pydantic import BaseModel, ConfigDict

from shared.errors import InvalidRequest
from shared.jobs.routing import queues_of

VARIABLE = "DARKROOM_SLOT"
#: What stands for a GPU in the slot of a worker that has none.
CPU = "cpu"


class Slot(BaseModel):
    """What one worker process is for."""

    model_config = ConfigDict(frozen=True)

    #: Stable over restarts: a new process of a slot knows that its predecessor is dead.
    name: str
    #: NVML's UUID of the GPU, or `CPU`.
    gpu: str
    #: torch device inside the worker, which sees one GPU only.
    device: str
    #: MiB of VRAM (RAM for a CPU worker) it may use, of the GPU's total.
    budget_mib: int
    total_mib: int
    has_bf16: bool = False
    #: The type of GPU, e.g. `nvidia-geforce-rtx-4090`: measured peaks are those of one type.
    gpu_type: str = CPU
    #: RAM for weights that wait for the GPU.
    host_cache_mib: int = 0
    #: CPU threads it may use; a CPU worker measures how many of them suit a model.
    threads: int = 1
    #: Models whose weights are here and that fit.
    models: tuple[str, ...] = ()
    #: Queues of its models that it does not read: they are another slot's.
    leaves_out: tuple[str, ...] = ()
    #: Models that its child loads as soon as it is up, and keeps.
    at_hand: tuple[str, ...] = ()
    #: Models that are here and need more than the budget, with the MiB they need.
    too_large: dict[str, int] = {}
    #: What its owner should know of it, e.g. why it has no GPU.
    note: str = ""

    @property
    def is_cpu(self) -> bool:
        return self.gpu == CPU

    @property
    def queues(self) -> list[str]:
        """All that its worker reads."""
        return [name for name in queues_of(list(self.models), self.name) if name not in self.leaves_out]

    def as_environment(self) -> dict[str, str]:
        return {VARIABLE: self.model_dump_json()}


def from_environment() -> Slot:
    """The slot of this process.

    Raises:
        InvalidRequest: it was not started by the launcher.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        raise InvalidRequest(f"{VARIABLE} is not set: start workers with `darkroom worker`")
    return Slot.model_validate_json(text)


def slot_name(kind: str, number: int | str) -> str:
    """A worker's name: host, kind of device and number, e.g. `attic-gpu0`, or `attic-gpu0-1` for a slice of a GPU."""
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-") or "host"
    return f"{host}-{kind}{number}"
