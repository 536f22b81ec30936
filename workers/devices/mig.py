"""MIG: whether a GPU is cut into slices, and which. Each slice answers NVML under a handle of its own.

A place between slices may be empty. Most GPUs do not know the question at all; `ask` answers None then.
"""

from collections.abc import Callable, Iterator
from typing import Any

#: How UUIDs of slices begin.
SLICE_UUID = "MIG-"
#: NVML_DEVICE_MIG_ENABLE.
ENABLED = 1

#: One question to NVML, function and arguments; None where the driver or the GPU has no answer.
Ask = Callable[..., Any]


def is_cut(nvml: Any, ask: Ask, whole: Any) -> bool:
    """Whether this GPU can only be used by its slices now."""
    mode = ask(nvml.nvmlDeviceGetMigMode, whole)
    return bool(mode) and mode[0] == ENABLED


def slices(nvml: Any, ask: Ask, whole: Any) -> Iterator[tuple[int, Any]]:
    """The number and the handle of each slice."""
    for number in range(ask(nvml.nvmlDeviceGetMaxMigDeviceCount, whole) or 0):
        part = ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, whole, number)
        if part is not None:
            yield number, part
