"""ONNX models: a session on the card where onnxruntime can, else on the CPU, with the threads torch has."""

from pathlib import Path
from typing import Any

import onnxruntime
import torch

from shared.errors import EngineFailed
from workers.load_plan import LoadPlan

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
MIB = 2**20


def providers_for(plan: LoadPlan) -> list[str]:
    """Where to run, best first: the plain onnxruntime wheel has no CUDA, and these models are quick without it."""
    if plan.device != "cpu" and CUDA in onnxruntime.get_available_providers():
        return [CUDA, CPU]
    return [CPU]


def open_session(path: Path, plan: LoadPlan) -> Any:
    """A session of one model file.

    Raises:
        EngineFailed: the file is no ONNX model that can run here.
    """
    options = onnxruntime.SessionOptions()
    # The worker's share of the cores: onnxruntime would take them all.
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=providers_for(plan))
    except Exception as exc:  # onnxruntime has no public base class for its errors
        raise EngineFailed(f"{path.name} cannot be loaded: {str(exc)[:300]}") from exc


def held_mib_of(path: Path, plan: LoadPlan) -> int:
    """What a model file takes of the budget: nothing of a card's while it runs on the CPU."""
    if plan.device != "cpu" and providers_for(plan) == [CPU]:
        return 0
    return -(-path.stat().st_size // MIB)
