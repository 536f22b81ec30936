"""Tells whether the GPU is lost to this process, out of what a library raised.

After an illegal access, a failed device assert or a fault of the hardware (an Xid) a CUDA context is *poisoned*: every
later call in this process fails, whatever it is, and only a new process gets the GPU again. So such a failure says
nothing about the job at hand, and the process must not try the next one.

Torch names most of them by its own type; cuBLAS and cuDNN report the same through plain `RuntimeError`s. Some of their
words can mean either, a poisoned context or no memory for a handle: then the GPU is asked. Torch is not imported here:
where it is not loaded, nothing of it was raised.
"""

import sys
from collections.abc import Iterator
from typing import Any

from shared.errors import DeviceLost

#: Lower-case parts of messages after which the context is gone (CUDA runtime API, `cudaError`: "the process must be
#: terminated and relaunched"; cuBLAS and cuDNN: a kernel of theirs failed).
FATAL = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "illegal instruction",
    "misaligned address",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "hardware stack error",
    "launch timed out",
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
    "gpu is lost",
    "gpu has fallen off the bus",
    "cublas_status_execution_failed",
    "cublas_status_mapping_error",
    "cudnn_status_execution_failed",
    "cusolver_status_execution_failed",
    "cufft_exec_failed",
)
#: What torch reports by the same type and what leaves the context as it was: the call was wrong, or the build is.
HARMLESS = (
    "out of memory",
    "invalid argument",
    "invalid configuration argument",
    "invalid device function",
    "invalid device ordinal",
    "no kernel image is available",
    "too many resources requested for launch",
    "operation not supported",
)
#: A library that could not set itself up: no memory for its handle, or no context any more. The GPU knows.
UNCLEAR = (
    "cublas_status_not_initialized",
    "cublas_status_alloc_failed",
    "cublas_status_internal_error",
    "cudnn_status_not_initialized",
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error",
    "cusolver_status_not_initialized",
)


def is_device_lost(exc: BaseException) -> bool:
    """Whether this failure, or one that it came from, means that the process has lost its GPU."""
    return any(_is_fatal(each) or (_is_unclear(each) and not device_answers()) for each in _with_causes(exc))


def raise_if_lost(exc: BaseException) -> None:
    """For who is about to make an ordinary failure of `exc`.

    Raises:
        DeviceLost: it is none. The original is not kept as the cause: its frames would keep tensors.
    """
    if is_device_lost(exc):
        raise DeviceLost(what_was_said(exc)) from None


def what_was_said(exc: BaseException) -> str:
    """The first line of the failure that lost the GPU, for a job's history and the log."""
    fatal = next((each for each in _with_causes(exc) if _is_fatal(each) or _is_unclear(each)), exc)
    return (str(fatal).strip() or type(fatal).__name__).splitlines()[0][:200]


def device_answers() -> bool:
    """Ask the GPU to finish what it was given; True where this process never had one."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return True
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True


def _is_fatal(exc: BaseException) -> bool:
    if isinstance(exc, DeviceLost):
        return True
    if not isinstance(exc, RuntimeError):
        return False
    said = str(exc).lower()
    if any(word in said for word in FATAL):
        return True
    return _is_torchs(exc) and not any(word in said for word in (*HARMLESS, *UNCLEAR))


def _is_unclear(exc: BaseException) -> bool:
    return isinstance(exc, RuntimeError) and any(word in str(exc).lower() for word in (*UNCLEAR, *HARMLESS))


def _is_torchs(exc: BaseException) -> bool:
    kind = getattr(sys.modules.get("torch"), "AcceleratorError", None)
    return kind is not None and isinstance(exc, kind)


def _with_causes(exc: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    one: BaseException | None = exc
    while one is not None and one not in seen:
        seen.append(one)
        yield one
        one = one.__cause__ or one.__context__
