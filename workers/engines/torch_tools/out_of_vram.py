"""Tells "out of memory" from every other failure, counts it, and gives the memory back.

Torch raises its own type for most allocations, but cuDNN and cuBLAS workspaces fail as plain `RuntimeError`s, and on a
CPU the allocator does. All of them become `OutOfVram`, so that one ladder can act on them.

A GPU that is lost may say "no memory" too. So before a refusal is believed the GPU is asked whether it still answers;
else the failure is `DeviceLost`, for which no rung of a ladder helps.
"""

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from shared.errors import DeviceLost, OutOfVram
from workers.engines.torch_tools import device_lost

#: Lower-case parts of messages that mean "no memory" whatever the type (torch/c10, cuDNN's and cuBLAS' status names).
#: A handle that could not be made, on a GPU that answers, lacked the memory for it.
TELLTALES = (
    "out of memory",
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error_device_allocation_failed",
    "cudnn_status_not_initialized",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",
    "cusolver_status_alloc_failed",
    "cufft_alloc_failed",
    "can't allocate memory",
    "failed to allocate",
)


def is_out_of_vram(exc: BaseException) -> bool:
    if isinstance(exc, OutOfVram | torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(exc, RuntimeError) and any(telltale in str(exc).lower() for telltale in TELLTALES)


class Refusals:
    """How often work in this process was told that there is no memory.

    The allocator's own count is another: cuDNN asks for a large workspace, is refused, takes a smaller algorithm, and
    the work never hears of it.
    """

    def __init__(self) -> None:
        self.count = 0


#: Of this process, whose GPU it is alone.
REFUSALS = Refusals()


def free_cache() -> None:
    """Hand every block that nobody uses back: the GPU's to the driver, page-locked ones to the host."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.accelerator.empty_host_cache()


@contextmanager
def named_out_of_vram(doing: str) -> Iterator[None]:
    """Turns any out-of-memory failure inside into `OutOfVram`, saying what was being done; a lost GPU into `DeviceLost`.

    The original is not kept as the cause: its frames would keep the tensors that should be freed.
    """
    try:
        yield
    except OutOfVram:
        raise
    except Exception as exc:
        is_lost = device_lost.is_device_lost(exc)
        if not is_lost and not is_out_of_vram(exc):
            raise
        REFUSALS.count += 1
        forget_frames(exc)
        said = first_line(exc)
        if is_lost or not device_lost.device_answers():
            raise DeviceLost(f"{doing}: {said}") from None
        raise OutOfVram(f"{doing}: {said}") from None


def forget_frames(exc: BaseException) -> None:
    """Drop the local variables of all finished frames the exception remembers, and of those it came from."""
    seen: BaseException | None = exc
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__


def first_line(exc: BaseException) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]
