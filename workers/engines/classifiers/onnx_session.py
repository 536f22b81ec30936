"""ONNX models: a session on the GPU where onnxruntime can, else on the CPU, with as many threads as it is told.

onnxruntime fixes the threads of a session when it is opened, so another count opens it anew. Left to itself it would take
all cores, pin its threads to them and let idle ones spin. Which providers there are is the wheel's doing, not the host's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from shared.errors import EngineFailed
from workers.engines.base import LoadPlan
from workers.weights.weight_files import first_words

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
MIB = 2**20


def providers_for(plan: LoadPlan) -> list[str]:
    """Where to run, best first: the plain onnxruntime wheel has no CUDA, and these models are quick without it."""
    if plan.device != "cpu" and CUDA in onnxruntime.get_available_providers():
        return [CUDA, CPU]
    return [CPU]


class Reopened:
    """Something that was opened with a number of threads, and is opened again for another one."""

    def __init__(self, open_with: Callable[[int], Any]) -> None:
        self._open_with = open_with
        self._threads = torch.get_num_threads()
        self.now = open_with(self._threads)

    def set_threads(self, threads: int) -> None:
        if threads != self._threads:
            self.now = self._open_with(threads)
            self._threads = threads


def open_session(path: Path, plan: LoadPlan, threads: int) -> Any:
    """A session of one model file.

    Raises:
        EngineFailed: the file is no ONNX model that can run here.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # As OpenMP's in a worker: idle threads that spin take the cores from others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=providers_for(plan))
    except Exception as exc:  # onnxruntime has no public base class for its errors
        raise EngineFailed(f"{path.name} cannot be loaded: {first_words(exc, path, path.parent)}") from exc


def held_mib_of(path: Path, plan: LoadPlan) -> int:
    """What a model file takes of the budget: nothing of a GPU's while it runs on the CPU."""
    if plan.device != "cpu" and providers_for(plan) == [CPU]:
        return 0
    return -(-path.stat().st_size // MIB)
