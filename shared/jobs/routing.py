"""Which queue a job waits in, and which jobs may share a GPU batch. Pure.

A queue is a model times a priority. A worker that fits a model reads all its queues; what it reads first is the
worker's own decision (`workers.control.affinity`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from shared.contracts.base import Priority
from shared.contracts.generation import GenerationParams
from shared.contracts.passes import shared_values
from shared.contracts.vision import AnyTask, CaptionTask, DetectTask, PointTask, QueryTask

#: Most urgent first.
PRIORITIES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
#: The level of the least urgent; levels are places in `PRIORITIES`.
LEAST_LEVEL = len(PRIORITIES) - 1
#: Waits of `max_wait_s` after which a queue that nobody serves, or somebody without a seat in a run, rises by one level.
PROMOTE = 4.0


def queue_of(model: str, priority: Priority) -> str:
    """The queue of a model's jobs of one priority."""
    return f"{model}.{priority.value}"


def own_queue_of(worker: str, priority: Priority = Priority.HIGH) -> str:
    """The queue that only one worker reads: commands to it, and later steps of a picture it already knows."""
    return f"@{worker}.{priority.value}"


def queues_of(models: list[str], worker: str) -> list[str]:
    """All queues a worker reads."""
    names = [f"@{worker}", *models]
    return [f"{name}.{priority.value}" for priority in PRIORITIES for name in names]


def split(queue: str) -> tuple[str, Priority]:
    """A queue's model (or "@worker") and priority."""
    name, _, priority = queue.rpartition(".")
    return name, Priority(priority)


def queues_ahead(queue: str) -> list[str]:
    """The same model's (or worker's) queues of higher priority."""
    name, priority = split(queue)
    return [f"{name}.{higher.value}" for higher in PRIORITIES[: PRIORITIES.index(priority)]]


def batch_key_of(model: str, params: GenerationParams) -> str:
    """Jobs with the same key may run as one GPU batch: they have the same in everything a pass shares, and whatever is a
    sample's own."""
    shared = json.dumps([model, shared_values(params)], default=asdict)
    return f"{model}:{hashlib.sha256(shared.encode()).hexdigest()[:16]}"


def analysis_batch_key_of(model: str, tasks: Sequence[AnyTask]) -> str:
    """Analysis jobs of one model share its passes whatever they ask: pictures, questions and answers may differ.

    A batch ends with its longest answer, so only jobs whose answers may get about equally long (within 4 times) share one.
    """
    return f"{model}:analysis:{(max(map(_most_tokens, tasks)).bit_length() + 1) // 2}"


def _most_tokens(task: AnyTask) -> int:
    match task:
        case QueryTask(max_tokens=most, reasoning=reasons):
            return 2 * most if reasons else most
        case CaptionTask(max_tokens=most):
            return most
        case DetectTask(max_objects=most) | PointTask(max_objects=most):
            return 3 * most
    return 0
